"""Templates of pages: every plugin's folder under the plugin's name, so that `orders/receipt.html` is one file.

    return Template("orders/receipt.html", context={"order": order})

Whatever a template shows is escaped, and a name that it does not find is an error. Nothing is built, and Jinja is not
imported, until the first page is asked for.
"""

from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from litestar.exceptions import TemplateNotFoundException
from litestar.template.base import TemplateEngineProtocol, TemplateProtocol


class PageTemplates(TemplateEngineProtocol[TemplateProtocol, Mapping[str, Any]]):
    """The application's template engine.

    Args:
        folders: the plugins' names and the folders of their templates.
        reload: whether a changed file is read again, for whoever is writing it.
    """

    def __init__(self, folders: Iterable[tuple[str, Path]], *, reload: bool = False) -> None:
        self._folders = dict(folders)
        self._reload = reload

    @cached_property
    def _environment(self) -> Any:
        import jinja2

        loaders = {name: jinja2.FileSystemLoader(folder) for name, folder in self._folders.items()}
        return jinja2.Environment(
            loader=jinja2.PrefixLoader(loaders),
            autoescape=True,
            auto_reload=self._reload,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def get_template(self, template_name: str) -> TemplateProtocol:
        """Return the template `<plugin>/<file>`.

        Raises:
            TemplateNotFoundException: there is none.
        """
        from jinja2 import TemplateNotFound

        try:
            template: TemplateProtocol = self._environment.get_template(template_name)
        except TemplateNotFound as error:
            raise TemplateNotFoundException(template_name=template_name) from error
        return template

    def render_string(self, template_string: str, context: Mapping[str, Any]) -> str:
        """Return `template_string`, rendered."""
        rendered: str = self._environment.from_string(template_string).render(context)
        return rendered

    def register_template_callable(self, key: str, template_callable: Any) -> None:
        """Let templates call `template_callable` by the name `key`; it is given the template's context."""
        from jinja2 import pass_context

        self._environment.globals[key] = pass_context(template_callable)
