"""Log a version to MLflow, and print what a run then says of it; run with the exporting libraries.

Standard input has the manifest, the digest and the address of the service, as JSON. The dataset is also checked as a
tracking server with a database does, which is stricter than files.
"""

import json
import os
import sys
import tempfile

from concept_orderings.client.connection import Connection
from concept_orderings.client.documents import read_manifest
from concept_orderings.client.reading import Found, Reader
from concept_orderings.client.stream import Version

given = json.load(sys.stdin)
data = given["manifest"].encode()
found = Found(read_manifest(data, "the manifest"), given["digest"], data)
version = Version(Reader(Connection(given["url"]), None), found)

with tempfile.TemporaryDirectory() as folder:
    os.environ |= {"MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}
    import mlflow
    from mlflow.utils.validation import _validate_dataset

    mlflow.set_tracking_uri(f"file://{folder}/runs")
    dataset = version.as_mlflow_dataset()
    _validate_dataset(dataset._to_mlflow_entity())
    with mlflow.start_run() as run:
        mlflow.log_input(dataset, context="training")
    (logged,) = mlflow.get_run(run.info.run_id).inputs.dataset_inputs
    print(json.dumps(logged.dataset.to_dictionary()))
