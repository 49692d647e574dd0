"""A suite over a Parquet file with Great Expectations on pandas, the usual way.

    great_expectations_validate.py DATA SUITE OUTPUT

Writes the result to OUTPUT; prints the seconds that the validation alone took, without imports and reading the file.
"""

import json
import pathlib
import sys
import time

import great_expectations as gx
import pandas as pd


def main():
    data, suite, output = sys.argv[1:]
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    suite = gx.ExpectationSuite(**json.loads(pathlib.Path(suite).read_text()))
    asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("data")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": pd.read_parquet(data)})
    started = time.monotonic()
    result = batch.validate(suite, result_format="SUMMARY")
    seconds = time.monotonic() - started
    document = json.dumps(result.to_json_dict(), default=lambda value: value.item())
    pathlib.Path(output).write_text(document)
    print(seconds)


if __name__ == "__main__":
    main()
