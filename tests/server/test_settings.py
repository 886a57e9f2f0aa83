"""Every setting is checked at the start, and what is wrong is said in a way a person can act on."""

from pathlib import Path

import pytest

from fovea.server.settings import Settings, SettingsError, load, unknown_variables


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"FOVEA_{name.upper()}", raising=False)


def test_the_defaults_listen_on_this_machine_only() -> None:
    settings = load()
    assert (settings.host, settings.port, settings.device) == ("127.0.0.1", 8000, "auto")


def test_the_environment_is_read_and_the_command_line_comes_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FOVEA_PORT", "9000")
    monkeypatch.setenv("FOVEA_ALLOWED_HOSTS", "Fovea.example, lab")
    monkeypatch.setenv("FOVEA_WEIGHTS_DIR", str(tmp_path))
    monkeypatch.setenv("FOVEA_TOKEN", "")
    settings = load(port=9001)
    assert settings.port == 9001
    assert settings.allowed_hosts == ("fovea.example", "lab")
    assert settings.weights_dir == tmp_path
    assert settings.token is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "70000"),
        ("PORT", "-1"),
        ("PORT", "http"),
        ("DEVICE", "gpu"),
        ("WEIGHTS_DIR", "/no/such/folder"),
        ("CACHE_DIR", "/proc/fovea"),
        ("MAX_UPLOAD_BYTES", "0"),
        ("MAX_PIXELS", "0"),
        ("UPLOAD_TIMEOUT_S", "nan"),
        ("UPLOAD_TIMEOUT_S", "0"),
        ("QUEUE_SIZE", "0"),
        ("MAX_BATCH", "0"),
        ("DECODE_THREADS", "0"),
        ("TRACE_BUDGET_BYTES", "-1"),
        ("MODEL_BUDGET_BYTES", "lots"),
        ("JSON_BUDGET_BYTES", "1"),
        ("SHUTDOWN_TIMEOUT_S", "inf"),
        ("ALLOWED_HOSTS", "http://x/"),
        ("OFFLINE", "maybe"),
        ("TOKEN", "with space"),
        ("TOKEN", "fifteen-letters"),
        ("SECRET", "short"),
        ("ROOT_PATH", "fovea"),
        ("ROOT_PATH", "/a b"),
        ("TRUSTED_PROXIES", "proxy"),
        ("FRAME_ANCESTORS", "lab.example"),
        ("ALLOWED_ORIGINS", "*"),
        ("ALLOWED_ORIGINS", "https://lab.example"),
        ("RATE_LIMIT", "0"),
        ("DOWNLOADS", "some"),
        ("LOG_FORMAT", "xml"),
        ("WORK_BUDGET_BYTES", "1"),
    ],
)
def test_a_bad_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"FOVEA_{name}", value)
    with pytest.raises(SettingsError) as raised:
        load()
    message = str(raised.value)
    assert f"FOVEA_{name}" in message
    if name in ("TOKEN", "SECRET"):
        assert value not in message
        assert "hidden" in message
    elif (name, value) != ("ALLOWED_ORIGINS", "https://lab.example"):  # Without a token.
        assert value in message
    assert "Traceback" not in message


def test_a_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOVEA_TOKEN", "pass word")
    with pytest.raises(SettingsError) as raised:
        load()
    assert "pass" not in str(raised.value)
    assert "sesame" not in repr(load(token="sesame-opens-the-door"))


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(SettingsError, match="cannot write"):
        load(cache_dir=file / "cache")
    assert load(cache_dir=tmp_path / "a" / "b").cache_dir == tmp_path / "a" / "b"
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_variables_that_are_no_settings_are_pointed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOVEA_PROT", "8000")
    monkeypatch.setenv("FOVEA_DATA_DIR", "data")
    assert "FOVEA_PROT" in unknown_variables()
    assert "FOVEA_PORT" not in unknown_variables()
    assert "FOVEA_DATA_DIR" not in unknown_variables()
