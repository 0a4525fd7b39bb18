using Microsoft.AspNetCore.Http;

namespace HostService.Gateway.Wire;

/// <summary><c>POST /register_docker_container_id</c>: which container belongs to which mandelbox (B29).</summary>
internal sealed class RegisterDockerContainerId(BackendGate gate, GrainCalls grains) : IWireHandler<RegisterDockerContainerIdBody>
{
    public async Task<WireResult> HandleAsync(RegisterDockerContainerIdBody body, HttpContext context)
    {
        if (await gate.RefuseEcsAsync(body, context) is { } refused)
            return refused;
        if (FieldRules.First(FieldRules.ContainerId(body.DockerId), FieldRules.MandelboxId(body.FractalId, "fractal_id")) is { } bad)
            return WireResult.Refused(bad);
        return WireResult.Outcome(await grains.Within(grains.Mandelbox(body.FractalId!).RegisterContainer(body.DockerId!)));
    }
}

/// <summary><c>POST /create_uinput_devices</c>: a container's input devices, before the agent makes the container.</summary>
internal sealed class CreateUinputDevices(BackendGate gate, GrainCalls grains) : IWireHandler<CreateUinputDevicesBody>
{
    public async Task<WireResult> HandleAsync(CreateUinputDevicesBody body, HttpContext context)
    {
        if (await gate.RefuseEcsAsync(body, context) is { } refused)
            return refused;
        if (FieldRules.MandelboxId(body.FractalId, "fractal_id") is { } bad)
            return WireResult.Refused(bad);
        var answer = await grains.Within(grains.Mandelbox(body.FractalId!).CreateInputDevices());
        return answer.Devices is { } devices
            ? WireResult.ResultText(devices)
            : WireResult.Refused(answer.Refusal ?? "there are no input devices");
    }
}
