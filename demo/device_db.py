"""The device database of the demonstration: four simulated devices on this machine."""


def simulated(controller: str, port: int) -> dict[str, object]:
    """Give the entry of an example controller, with a simulated instrument."""
    return {
        "type": "controller",
        "host": "localhost",
        "port": port,
        "command": f"python -m ndsp.controllers.{controller} --simulation -p {{port}}",
        # Soon, so that the demonstration need not wait; normally 5 s.
        "retry_timer": 0.5,
    }


device_db = {
    # Not on its usual port 3249, which the controller manager has, too.
    "hello": simulated("hello", 3279),
    "lda": simulated("lda", 3253),
    "psu": simulated("scpi_psu", 3277),
    "camera": {**simulated("camera", 3278), "target_name": "camera"},
    # Code that runs beside the camera.
    "camera_rexec": {
        "type": "controller_aux_target",
        "controller": "camera",
        "target_name": "camera_rexec",
    },
    "attenuator": "lda",
}
