"""What counted for a word that was written."""

from typing import Any

import numpy as np

from tests.server.asking import at
from tests.server.conftest import Running


def test_relevance_of_each_word_of_a_caption(site: Running, caption: dict[str, Any]) -> None:
    """R_qi's row of that word, over the photo's patches; a word that was not written is refused."""
    words = caption["output"]["words"]
    rows = []
    for place, word in enumerate(words[:2]):
        answer = site.client.get(at(caption, f"/maps/relevance?word={place}")).json()
        assert answer["word"] == {"index": place, "label": word["text"]}
        assert answer["axes"] == ["row", "column"]
        values = np.array(answer["values"])
        assert values.min() >= 0 < values.max()
        rows.append(values)
    assert not np.allclose(rows[0], rows[1])
    usual = site.client.get(at(caption, "/maps/relevance")).json()
    assert np.array_equal(usual["values"], rows[0])
    refused = site.client.get(at(caption, f"/maps/relevance?word={len(words)}"))
    assert (refused.status_code, refused.json()["limit"]) == (422, len(words) - 1)


def test_relevance_of_a_word_over_the_words_that_were_read(
    site: Running, translation: dict[str, Any]
) -> None:
    answer = site.client.get(at(translation, "/maps/relevance?word=1")).json()
    assert answer["axes"] == ["key"]
    assert answer["shape"] == [len(translation["output"]["source"])]
    assert max(answer["values"]) > 0


def test_other_maps_for_a_class_are_not_for_words(site: Running, caption: dict[str, Any]) -> None:
    answer = site.client.get(at(caption, "/maps/legrad"))
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/map-not-possible")
