"""The command that states the physical limit: `assay bound`."""

from typing import Annotated, Any

import typer

from flows import console
from flows.commands.options import AsJson, ProblemName, Size


def bound(
    problem: ProblemName,
    flux: Annotated[float, typer.Option(help="Flux, in units of 1e5 counts.")],
    n: Annotated[float, typer.Option("--n", help="Sérsic index, 0.3 to 6.2.")],
    half_light_radius: Annotated[float, typer.Option(help="Half-light radius, arcsec.")],
    g1: Annotated[float, typer.Option(help="Reduced shear along the axes.")],
    g2: Annotated[float, typer.Option(help="Reduced shear along the diagonals.")],
    psf_fwhm: Annotated[float, typer.Option(help="FWHM of the PSF, arcsec.")],
    sigma: Annotated[float, typer.Option(help="Standard deviation of a pixel's noise, counts.")],
    shot_noise: Annotated[bool, typer.Option("--shot-noise", help="Add the galaxy's own Poisson noise.")] = False,
    size: Size = "demo",
    as_json: AsJson = False,
) -> None:
    """Print the Cramér–Rao bound of one galaxy, seen by the camera of params.yaml."""
    from components.core import AssayError, Workspace, load_settings
    from components.problems import find_problem
    from components.problems.galaxy_shape import GalaxyShape
    from components.simulators.sersic import bound_of_galaxy

    found = find_problem(problem)
    if not isinstance(found, GalaxyShape):
        raise AssayError(f"{problem} has no bound of a single image: type `assay bound {GalaxyShape.name}`")
    settings: Any = load_settings(Workspace.find().root / "params.yaml", problem, found.settings, size=size)
    shape = {"flux": flux, "n": n, "half_light_radius": half_light_radius, "g1": g1, "g2": g2}
    galaxy = {**shape, "psf_fwhm": psf_fwhm, "sigma": sigma}
    limit = bound_of_galaxy(galaxy, settings.simulate.camera, shot_noise=shot_noise)
    names = tuple(shape)
    crb = dict(zip(names, limit.crb.tolist(), strict=True))
    if as_json:
        correlation = {a: dict(zip(names, row, strict=True)) for a, row in zip(names, limit.correlation, strict=True)}
        console.print_json({"crb": crb, "snr": limit.snr, "correlation": correlation})
        return
    truths = found.targets(settings.simulate)[: len(names)]
    columns = (
        "", *(f"{name} [{field.unit}]" if field.unit else name for name, field in zip(names, truths, strict=True)),
    )  # fmt: skip
    rows = [("bound", *(f"{value:.4g}" for value in crb.values()))]
    rows += [
        (f"correlation with {name}", *(f"{value:+.2f}" for value in row))
        for name, row in zip(names, limit.correlation, strict=True)
    ]
    console.print_table(f"Cramér–Rao bound at SNR {limit.snr:.1f}", columns, rows)
