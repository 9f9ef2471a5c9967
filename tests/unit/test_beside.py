import asyncio
import gc
import threading

import pytest

from channel_manager.beside import beside


async def test_it_is_made_elsewhere_while_nothing_is_collected():
    where, enabled = await beside(lambda: (threading.current_thread(), gc.isenabled()))
    assert where is not threading.main_thread()
    assert not enabled
    assert gc.isenabled()


async def test_the_last_one_lets_the_collector_go_on_whatever_happens():
    going = threading.Event()

    def fail():
        raise ValueError

    waiting = asyncio.create_task(beside(going.wait, 10))
    with pytest.raises(ValueError):  # noqa: PT011 - the one above
        await beside(fail)
    assert not gc.isenabled()
    going.set()
    assert await waiting
    assert gc.isenabled()
