using System.Net;

namespace HostService.Gateway.Authentication;

/// <summary>Kind of a refused credential; each kind is counted separately.</summary>
internal enum CredentialKind
{
    User,
    Backend,
}

/// <summary>Counts refused credentials by address over a sliding minute, in bounded memory and by monotonic timestamps.</summary>
internal sealed class FailureLimiter(IOptions<AuthOptions> options, TimeProvider timeProvider)
{
    internal const int MostCallers = 10_000;

    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private readonly int _limit = options.Value.FailuresPerMinute;
    private readonly AddressList _unlimited = new(options.Value.UnlimitedNetworks);
    private readonly Dictionary<(IPAddress, CredentialKind), Queue<long>> _failures = [];

    internal int Callers
    {
        get
        {
            lock (_gate)
            {
                return _failures.Count;
            }
        }
    }

    /// <summary>How long this caller is still refused unchecked; null when it is not.</summary>
    public TimeSpan? BlockedFor(IPAddress? address, CredentialKind kind)
    {
        if (_limit == 0)
        {
            return null;
        }

        lock (_gate)
        {
            if (!_failures.TryGetValue((AddressList.Client(address), kind), out var times))
            {
                return null;
            }

            Forget(times);
            return times.Count >= _limit ? Window - timeProvider.GetElapsedTime(times.Peek()) : null;
        }
    }

    /// <summary>One more refusal. True when it is the one that exhausts the caller's allowance.</summary>
    public bool Failed(IPAddress? address, CredentialKind kind)
    {
        if (_limit == 0 || _unlimited.Contains(address))
        {
            return false;
        }

        lock (_gate)
        {
            var caller = (AddressList.Client(address), kind);
            if (!_failures.TryGetValue(caller, out var times))
            {
                MakeRoom();
                _failures[caller] = times = new Queue<long>();
            }

            Forget(times);
            // Those that were under way when the limit was reached do not make it longer.
            if (times.Count >= _limit)
            {
                return false;
            }

            times.Enqueue(timeProvider.GetTimestamp());
            return times.Count == _limit;
        }
    }

    private void Forget(Queue<long> times)
    {
        while (times.TryPeek(out var first) && timeProvider.GetElapsedTime(first) >= Window)
        {
            times.Dequeue();
        }
    }

    private void MakeRoom()
    {
        if (_failures.Count < MostCallers)
        {
            return;
        }

        foreach (var (caller, times) in _failures)
        {
            Forget(times);
            if (times.Count == 0)
            {
                _failures.Remove(caller);
            }
        }

        // An attack from this many addresses is not stopped by counting; forgetting keeps both memory and time bounded.
        if (_failures.Count > MostCallers / 2)
        {
            _failures.Clear();
        }
    }
}
