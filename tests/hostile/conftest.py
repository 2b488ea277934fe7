"""A real engine behind the real endpoint on a real socket, and a probe of how late its event loop is."""

import asyncio
import contextlib
import itertools
import socket
import time
from random import Random

import httpx
import pytest
from graphql import build_schema

from bff.clock import SystemClock
from bff.errors import ErrorDesk
from bff.events import ignore
from bff.execution.engine import Engine
from bff.policy.model import OperationsPolicy
from bff.server.http import GraphQLEndpoint
from bff.server.lifecycle import Lifecycle
from bff.server.shedding import Door, Shedding
from bff.server.uvicorn_server import Server
