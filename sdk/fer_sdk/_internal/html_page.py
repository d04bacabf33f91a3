"""HTML pages from jinja2 templates; the tools' pages extend one base template of the SDK."""

from typing import Any

from fer_sdk._internal.extras import require


def render_page(package: str, template: str, extra: str, **values: Any) -> str:
    """Render a template of a package's `data` folder; all values are HTML-escaped.

    Args:
        package: Import package that holds the template. Templates of `fer_sdk` can be extended
            and imported by it.
        template: File name of the template.
        extra: Extra of fer-sdk that installs jinja2, named in the error without it.
        values: Variables of the template.

    Raises:
        MissingDependencyError: If jinja2 is not installed.
    """
    require(extra, "writing HTML pages", "jinja2")
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [jinja2.PackageLoader(name, "data") for name in (package, "fer_sdk")]
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(values)
