using HostService.Infrastructure.Input;
using Microsoft.Extensions.Logging;

namespace HostService.Grains.Mandelbox.Steps;

/// <summary>A virtual keyboard and two pointers (B13). Where the machine has none and the environment is local they are left out with a warning.</summary>
public sealed partial class MakeInputDevices(IInputDevices devices, Func<bool> hasFuse, bool mayBeLeftOut, ILogger logger) : IMandelboxStep
{
    public string Name => "devices";

    public async Task<StepResult> DoAsync(MandelboxRun run, CancellationToken cancellationToken)
    {
        if (run.InputDevices is not null)
        {
            // ECS mode: made ahead of the container, at the agent's request.
            return StepResult.Done;
        }

        if (!hasFuse() && !mayBeLeftOut)
        {
            return StepResult.Failed("/dev/fuse cannot be given: the kernel has no FUSE");
        }

        if (devices.Unavailable is { } why)
        {
            if (!mayBeLeftOut)
            {
                return StepResult.Failed($"input devices cannot be made: {why}");
            }

            LogLeftOut(run.MandelboxId, why);
            run.Warnings.Add($"no input devices: {why}");
            return StepResult.Done;
        }

        try
        {
            run.InputDevices = await devices.CreateAsync(run.Paths.InputSocket, cancellationToken);
            return StepResult.Done;
        }
        catch (InputDeviceException exception)
        {
            return StepResult.Failed(exception.Message);
        }
    }

    public async Task UndoAsync(MandelboxRun run, CancellationToken cancellationToken)
    {
        if (run.InputDevices is { } made)
        {
            await made.DisposeAsync();
            run.InputDevices = null;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Mandelbox {MandelboxId} has no input devices: {Why}")]
    private partial void LogLeftOut(string mandelboxId, string why);
}
