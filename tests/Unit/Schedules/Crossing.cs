namespace HostService.Tests.Unit.Schedules;

/// <summary>What can happen to a call between two parts: others run before and after it, its request or its answer is lost.</summary>
/// <param name="fault">The exception for a message; null where nothing is lost.</param>
/// <param name="losesAnswers">False where the callee settles lost answers itself.</param>
internal sealed class Crossing(ScheduledHost host, Func<string, Exception>? fault, bool losesAnswers = true)
{
    private readonly int _run = host.Run;

    /// <summary>The process that made the call died: nobody hears the answer.</summary>
    private static Task Never { get; } = new TaskCompletionSource().Task;

    public bool IsOfEngine { get; init; }

    /// <summary>A call that is answered but never made.</summary>
    public string? Drops { get; init; }

    /// <summary>Whether the process that calls still lives.</summary>
    public bool IsOpen => _run == host.Run;

    public async Task<T> CallAsync<T>(string name, Func<Task<T>> call)
    {
        // Not in a method of its own: its return would be another place where a crash can come in between.
        await Task.Yield();
        await (IsOpen ? Task.CompletedTask : Never);
        var isLost = fault is not null && host.TakeFault(IsOfEngine);
        if (isLost && (!losesAnswers || host.Random.Next(2) == 0))
        {
            throw fault!($"the request {name} was lost");
        }

        var result = name == Drops ? default! : await call();
        await Task.Yield();
        await (IsOpen ? Task.CompletedTask : Never);
        return isLost ? throw fault!($"the answer to {name} was lost") : result;
    }
}
