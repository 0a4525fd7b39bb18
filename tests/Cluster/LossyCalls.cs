namespace HostService.Tests.Cluster;

/// <summary>Fails calls as a time-out does: the callee may have done its work.</summary>
internal sealed class LossyCalls : IOutgoingGrainCallFilter
{
    private readonly Lock _gate = new();
    private readonly List<(string Method, bool IsDelivered, Func<object?, bool> Matches)> _planned = [];

    public void LoseAnswer(string method) => Lose(method, isDelivered: true);

    /// <summary>Loses the next call.</summary>
    /// <param name="method">The call.</param>
    /// <param name="isDelivered">Whether only the answer is lost.</param>
    /// <param name="matches">Whether it is a call with this first argument; null for any.</param>
    public void Lose(string method, bool isDelivered, Func<object?, bool>? matches = null) =>
        Plan(method, isDelivered, times: 1, matches ?? (_ => true));

    public void LoseRequest(string method, int times, Func<object?, bool> matches) => Plan(method, isDelivered: false, times, matches);

    public async Task Invoke(IOutgoingGrainCallContext context)
    {
        if (Take(context) is not { } lost)
        {
            await context.Invoke();
            return;
        }

        if (lost)
        {
            await context.Invoke();
        }

        throw new TimeoutException($"The answer of {context.MethodName} was lost because the test asked for it.");
    }

    private void Plan(string method, bool isDelivered, int times, Func<object?, bool> matches)
    {
        lock (_gate)
        {
            _planned.AddRange(Enumerable.Repeat((method, isDelivered, matches), times));
        }
    }

    /// <summary>Null for a call that is not lost, else whether it is delivered.</summary>
    private bool? Take(IOutgoingGrainCallContext context)
    {
        lock (_gate)
        {
            var found = _planned.FindIndex(p => p.Method == context.MethodName
                && p.Matches(context.Request.GetArgumentCount() > 0 ? context.Request.GetArgument(0) : null));
            if (found < 0)
            {
                return null;
            }

            var isDelivered = _planned[found].IsDelivered;
            _planned.RemoveAt(found);
            return isDelivered;
        }
    }
}
