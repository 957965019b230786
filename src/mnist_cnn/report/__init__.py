"""The report: sentences made from the numbers, put together once and written as Markdown and as a page."""
