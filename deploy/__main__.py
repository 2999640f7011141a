"""Write the dashboards and the catalogue of metrics."""

from deploy.catalogue import DOCUMENT, sections
from deploy.grafana.layout import files
from experiments.document import write

for file, text in files().items():
    file.write_text(text)
write(DOCUMENT, sections())
