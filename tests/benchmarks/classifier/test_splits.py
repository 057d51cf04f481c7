from __future__ import annotations

from benchmarks.classifier.splits import parted, table
from genre_models.classification.examples import Example


def test_a_table_has_three_rows_of_headers_and_no_text_in_blank_lines() -> None:
    rows = 'Category\tText\nd\tstring\nclass\t\n\ntrade\tan "odd text\r\nearn\tnet\n\n'
    assert list(table(rows)) == [
        Example('an "odd text\r', "trade", ""),
        Example("net", "earn", ""),
    ]


def test_every_fifth_file_of_a_class_is_kept_whole() -> None:
    files = [
        (label, f"{label}{number:02}", (f"one two three {number}", "too short"))
        for label in ("news", "lore")
        for number in range(10)
    ]
    split = parted(reversed(files))
    assert [each.source for each in split.test] == ["lore04", "lore09", "news04", "news09"]
    assert len(split.training) == 16
    assert not {each.source for each in split.test} & {each.source for each in split.training}
    assert all(each.text.startswith("one") for each in (*split.training, *split.test))
