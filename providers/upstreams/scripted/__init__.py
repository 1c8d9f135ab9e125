"""The scripted provider: plays a script of turns, deterministic and without a network, through a real dialect."""

from providers.upstreams.scripted.script import Script, ScriptError, load_script
from providers.upstreams.scripted.upstream import ScriptedUpstream

__all__ = ["Script", "ScriptError", "ScriptedUpstream", "load_script"]
