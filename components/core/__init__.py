"""What everything stands on: the workspace, settings, errors, digests, processes. It knows nothing of what is above it.

* `workspace.py`: the repository, its state folder and the environment of every tool
* `settings.py`, `gate_settings.py`, `params.py`: what params.yaml may say, and reading it
* `code.py`: which modules decide a result; `meaning.py`: a digest of what each does; `members.py`: the same of a part
* `digests.py`: of files and plain values; `known_digests.py`: of files that were hashed before; `file_states.py`: which
  nobody wrote to since
* `places.py`: what tells state folders apart that share a server
* `processes.py`: children that never outlive their parent, ports; `signals.py`: what ends a process, or waits
* `workers.py`: processes that share work, of this machine or of a Dask scheduler; `local_cluster.py`: those of this
  machine; `spreading.py`: their work
* `memory.py`: what is freed and wanted again; `remembering.py`: what a function returned
* `markdown.py`: tables for the pages of other tools
* `scratch.py`: folders for what is not whole yet
* `secrets.py`: from variables or files of one's own; `environment.py`: variables, and what children are told
* `source.py`: the commit of the working tree; `house.py`: that the code which runs is that tree's
* `databases.py`: the SQLite files of a state folder, their addresses and locks
* `profile.py`: local or cluster; `locks.py`, `postgresql.py`, `buckets.py`: what machines of a cluster share
* `pages.py`: HTML for a person, with nothing to fetch
* `errors.py`: one line with what happened, the value and the next step
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
