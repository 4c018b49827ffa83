"""Pages: what is text stays text, and a browser is told to load nothing."""

from pathlib import Path

from components.core import render_page


def test_text_stays_text_long_names_may_break_and_intervals_and_numbers_are_kept_whole(tmp_path: Path) -> None:
    template = tmp_path / "page_of_a_test.html"
    blocks = "{% block title %}{{ name }}{% endblock %}{% block body %}{{ name|breakable }} {{ said|breakable }}"
    template.write_text('{% extends "page.html" %}' + blocks + "{% endblock %}")
    page = render_page(template, name="psf_fwhm.<b>", said="-0.5 [-1.2, 3e-05], 1 ± 2, 3, 0.7: 9 %")
    assert "<title>psf_fwhm.&lt;b&gt;</title>" in page
    assert "psf_<wbr>fwhm.&lt;b&gt; -0.5 " in page
    small = '<span class="together">3e-05</span>'
    assert f'<span class="whole">[-1.2, {small}]</span>, 1 <span class="whole">± 2</span>, 3, ' in page
    assert '<span class="together">0.7: 9 %</span>' in page


def test_a_browser_is_told_to_load_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.html").write_text('{% extends "page.html" %}')
    page = render_page(tmp_path / "empty.html")
    assert """content="default-src 'none'; style-src 'unsafe-inline'; img-src data:\"""" in page
    assert "//" not in page
