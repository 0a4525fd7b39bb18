using HostService.Grains.Lifecycle;
using HostService.Infrastructure.Input;

namespace HostService.Grains.Mandelbox.Steps;

/// <summary>A virtual keyboard and two pointers (B13).</summary>
/// <param name="inputDevices">Creates them.</param>
/// <param name="hasFuse">Whether the host has <c>/dev/fuse</c>.</param>
/// <param name="isOptional">Whether a host that cannot create them goes without, with a warning: local environments.</param>
/// <param name="logger">For that warning.</param>
public sealed partial class CreateInputDevices(IInputDevices inputDevices, bool hasFuse, bool isOptional, ILogger logger)
    : IStep<MandelboxContext>
{
    public string Name => SpinUpPhases.Devices;

    public async Task<StepResult> DoAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        if (context.InputDevices is not null)
        {
            // ECS mode: created ahead of the container, at the agent's request.
            return StepResult.Done;
        }

        if (!hasFuse && !isOptional)
        {
            return StepResult.Failed("the container cannot get /dev/fuse: the kernel has no FUSE");
        }

        if (inputDevices.Unavailable is { } reason)
        {
            if (!isOptional)
            {
                return StepResult.Failed($"input devices are unavailable: {reason}");
            }

            LogUnavailable(context.MandelboxId, reason);
            context.Warnings.Add($"no input devices: {reason}");
            return StepResult.Done;
        }

        try
        {
            context.InputDevices = await inputDevices.CreateAsync(
                context.MandelboxId, context.Paths.InputSocket, cancellationToken);
            return StepResult.Done;
        }
        catch (InputDeviceException exception)
        {
            return StepResult.Failed(exception.Message);
        }
    }

    public async Task UndoAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        // The kernel reuses their numbers: a container that has the node could read another user's input.
        context.Container.ThrowIfMayRun();
        if (context.InputDevices is { } devices)
        {
            await devices.DisposeAsync();
            context.InputDevices = null;
        }
    }

    [LoggerMessage(LogLevel.Warning, "Mandelbox {MandelboxId} has no input devices: {Reason}")]
    private partial void LogUnavailable(string mandelboxId, string reason);
}
