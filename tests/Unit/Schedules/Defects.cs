using HostService.GrainInterfaces;
using HostService.Grains.Lifecycle;
using HostService.Grains.Mandelbox;

namespace HostService.Tests.Unit.Schedules;

/// <summary>Faults of steps, for tests of the exploration itself.</summary>
public enum Defect
{
    ReleasesLeaseTooEarly,
    ForgetsDevices,
    RemovesDevicesTooEarly,
    SavesTooEarly,
    RemovesDirectoriesTooLate,
    ForgetsSave,
    FreesSandboxTooEarly,
    OverlooksEndOfSandbox,
    LeavesAdoptedToTheOther,
}

internal static class Defects
{
    /// <summary>The faulty step in place of the real one; the real one where the defect is not in this step.</summary>
    public static IStep<MandelboxContext> Seed(Defect? defect, IStep<MandelboxContext> step, IHostGrain host) => (defect, step.Name) switch
    {
        (Defect.ReleasesLeaseTooEarly, "lease") => new Faulty(step, Carelessly),
        (Defect.ForgetsDevices, "devices") => new Faulty(step, (_, _, _) => Task.CompletedTask),
        (Defect.RemovesDevicesTooEarly, "devices") => new Faulty(step, Carelessly),
        (Defect.SavesTooEarly, "save configs") => new Faulty(step, Carelessly),
        (Defect.RemovesDirectoriesTooLate, "directories") => new Faulty(step, Later),
        (Defect.ForgetsSave, "save configs") => new Faulty(step, (_, context, _) =>
        {
            context.UserConfigs = null;
            return Task.CompletedTask;
        }),
        (Defect.FreesSandboxTooEarly, "lease") => new Faulty(step, async (lease, context, cancellationToken) =>
        {
            var sandbox = context.Lease?.Sandbox;
            await lease.UndoAsync(context, cancellationToken);
            await (sandbox is null ? Task.CompletedTask : host.ForgetSandbox(sandbox));
        }),
        (Defect.LeavesAdoptedToTheOther, "adopt") => new Faulty(step, (_, context, _) =>
        {
            context.Container.MayRun = false;
            return Task.CompletedTask;
        }),
        _ => step,
    };

    /// <summary>Whether or not the container may run.</summary>
    private static async Task Carelessly(IStep<MandelboxContext> step, MandelboxContext context, CancellationToken cancellationToken)
    {
        var mayRun = context.Container.MayRun;
        context.Container.MayRun = false;
        try
        {
            await step.UndoAsync(context, cancellationToken);
        }
        finally
        {
            context.Container.MayRun = mayRun;
        }
    }

    private static Task Later(IStep<MandelboxContext> step, MandelboxContext context, CancellationToken cancellationToken)
    {
        _ = RemoveLaterAsync();
        return Task.CompletedTask;

        async Task RemoveLaterAsync()
        {
            for (var pauses = 0; pauses < 20; pauses++)
            {
                await Task.Yield();
            }

            await step.UndoAsync(context, CancellationToken.None);
        }
    }

    private sealed class Faulty(
        IStep<MandelboxContext> step, Func<IStep<MandelboxContext>, MandelboxContext, CancellationToken, Task> undo)
        : IStep<MandelboxContext>
    {
        public string Name => step.Name;

        public TimeSpan? Timeout => step.Timeout;

        public TimeSpan? UndoTimeout => step.UndoTimeout;

        public Task<StepResult> DoAsync(MandelboxContext context, CancellationToken cancellationToken) =>
            step.DoAsync(context, cancellationToken);

        public Task UndoAsync(MandelboxContext context, CancellationToken cancellationToken) => undo(step, context, cancellationToken);
    }
}
