"""Write the faces of a folder of photos to a CSV file: python examples/folder.py FOLDER OUT.csv."""

import sys

from fer_sdk import CsvSink, PhotoProcessor, find_photos

folder, out = sys.argv[1:]
with PhotoProcessor() as processor, CsvSink(out, processor.labels, kind="photos") as sink:
    for photo in find_photos(folder):
        result = processor.process(photo)
        sink.write(result)
        if result.error:
            print(result.error, file=sys.stderr)
