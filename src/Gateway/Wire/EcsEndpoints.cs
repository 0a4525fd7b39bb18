using Microsoft.AspNetCore.Routing;

namespace HostService.Gateway.Wire;

/// <summary>Calls of the backend about containers that the ECS agent makes (B29).</summary>
internal static class EcsEndpoints
{
    private const string EcsIsOff = "this host does not run containers of the ECS agent (Ecs:Enabled is false)";

    public static void MapEcs(this IEndpointRouteBuilder routes)
    {
        routes.MapWire<RegisterDockerContainerIdBody, TextAnswer>(
            "POST", "/register_docker_container_id", "ECS mode: which container belongs to which mandelbox.", RegisterAsync);
        routes.MapWire<CreateUinputDevicesBody, TextAnswer>(
            "POST", "/create_uinput_devices", "ECS mode: input devices for a container to come; the result is a JSON text.",
            CreateDevicesAsync);
    }

    private static async Task<WireResult> RegisterAsync(
        WireRequest<RegisterDockerContainerIdBody> request, GrainCalls grains, IOptions<EcsOptions> ecs)
    {
        var body = request.Body;
        if (Fault(ecs.Value, FieldRules.ContainerId(body.DockerId), FieldRules.MandelboxId(body.FractalId, "fractal_id")) is { } fault)
        {
            return WireResult.Refused(fault);
        }

        return WireResult.Outcome(await grains.WithTimeout(grains.Mandelbox(body.FractalId!).RegisterContainer(body.DockerId!)));
    }

    private static async Task<WireResult> CreateDevicesAsync(
        WireRequest<CreateUinputDevicesBody> request, GrainCalls grains, IOptions<EcsOptions> ecs)
    {
        var body = request.Body;
        if (Fault(ecs.Value, FieldRules.MandelboxId(body.FractalId, "fractal_id")) is { } fault)
        {
            return WireResult.Refused(fault);
        }

        var answer = await grains.WithTimeout(grains.Mandelbox(body.FractalId!).CreateInputDevices());
        return answer.Devices is { } devices
            ? WireResult.ResultText(devices.Select(d => new WireDevice(d.PathOnHost, d.PathInContainer, d.CgroupPermissions)))
            : WireResult.Refused(answer.Refusal ?? "there are no input devices");
    }

    private static string? Fault(EcsOptions ecs, params ReadOnlySpan<string?> faults) => ecs.Enabled ? FieldRules.First(faults) : EcsIsOff;
}
