"""The page on which the API can be read about and tried."""

DOCS_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API of the Prometheus Anomaly Sidecar</title>
<link rel="icon" href="assets/icon.svg">
<link rel="stylesheet" href="assets/swagger-ui.css">
</head>
<body>
<main id="swagger-ui"></main>
<noscript><p>This page needs JavaScript; <a href="openapi.json">openapi.json</a> says the same.</p></noscript>
<script src="assets/swagger-ui-bundle.js"></script>
<script src="assets/docs.js"></script>
</body>
</html>
"""
