// What eslint holds the page's modules to; types are tsc's (frontend/tsconfig.json).
import js from "@eslint/js";
import globals from "globals";

export default [
  js.configs.recommended,
  { ignores: ["node_modules/", ".venv/", "build/", "dist/", "runs/"] },
  {
    files: ["**/*.js"],
    languageOptions: { ecmaVersion: 2024, sourceType: "module" },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      eqeqeq: ["error", "always", { null: "ignore" }],
      "no-var": "error",
      "prefer-const": "error",
      "object-shorthand": "error",
      "no-implicit-globals": "error",
      "no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      "max-lines": ["error", 400],
      complexity: ["error", 25],
    },
  },
  { files: ["frontend/language/zh/**"], rules: { "max-lines": "off" } }, // catalogues are data
  { files: ["frontend/**"], languageOptions: { globals: globals.browser } },
  { files: ["tests/**", "eslint.config.js"], languageOptions: { globals: { ...globals.node, ...globals.browser } } },
];
