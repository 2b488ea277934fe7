# Builds GraphiQL and obtains the browser that tests it. Included by the top Makefile, below VENV and say.
WEB := bff/web

.PHONY: web browser

web: $(WEB)/dist/.built ## Build GraphiQL and the console

$(WEB)/node_modules/.package-lock.json: $(WEB)/package-lock.json $(WEB)/package.json $(WEB)/.npmrc | $(VENV)/.ready
	$(call say,Fetching the packages of GraphiQL into $(WEB)/node_modules)
	@sh $(WEB)/with-node.sh $(VENV) npm --prefix $(WEB) ci --no-audit --no-fund --ignore-scripts
	@touch $@

$(WEB)/dist/.built: $(WEB)/node_modules/.package-lock.json $(WEB)/build.mjs $(WEB)/tsconfig.json $(wildcard $(WEB)/src/*.* $(WEB)/src/console/*)
	$(call say,Building GraphiQL into $(WEB)/dist)
	@sh $(WEB)/with-node.sh $(VENV) npm --prefix $(WEB) run --silent build
	@touch $@

browser: ## Install Chromium for the browser tests, where that is possible
	@sh $(WEB)/find-browser.sh
