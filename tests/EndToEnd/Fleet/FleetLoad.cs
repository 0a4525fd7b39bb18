using System.Globalization;
using System.Net;
using System.Text.Json;

namespace HostService.Tests.EndToEnd.Fleet;

/// <summary>
/// The callers of a fleet. At a steady rate each asks for a session, repeats that to any of the silos until it is served, and ends the
/// session once some later callers have come, again until that is done. It counts time by callers who have come.
/// </summary>
/// <param name="rate">Callers a second.</param>
/// <param name="wished">The host that the caller of this number asks for; null where it asks for none.</param>
internal sealed class FleetLoad(IReadOnlyList<FleetUnderTest> silos, int rate, Func<int, string?> wished)
{
    /// <summary>How long a session lasts, in seconds of callers.</summary>
    public const int Lasting = 4;

    /// <summary>For a host that is cut off meanwhile.</summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(3);

    private readonly Lock _gate = new();
    private readonly List<FleetSession> _sessions = [];
    private readonly List<(int Count, TaskCompletionSource Reached)> _counts = [];
    private readonly List<(Func<FleetSession, bool> IsWanted, TaskCompletionSource<FleetSession> Seen)> _watchers = [];
    private bool _isOver;

    public IReadOnlyList<FleetSession> Sessions
    {
        get
        {
            lock (_gate)
            {
                return [.. _sessions];
            }
        }
    }

    /// <summary>Until so many callers have come and this has ended; completes when each has been served and has ended the session.</summary>
    public async Task RunAsync(int atLeast, Task until)
    {
        var callers = new List<Task>();
        using var pace = new PeriodicTimer(TimeSpan.FromSeconds(1.0 / rate));
        for (var number = 0; number < atLeast || !until.IsCompleted; number++)
        {
            var session = new FleetSession(string.Create(CultureInfo.InvariantCulture, $"m{number}"), wished(number));
            Come(session);
            callers.Add(LiveAsync(session, number));
            await pace.WaitForNextTickAsync();
        }

        EndCounts();
        await Task.WhenAll(callers);
    }

    /// <summary>Callers of so many seconds more have come, or no more come.</summary>
    public Task SecondsAsync(int seconds)
    {
        lock (_gate)
        {
            return CountAsync(_sessions.Count + (seconds * rate));
        }
    }

    /// <summary>The next session that is served and is one of these.</summary>
    public Task<FleetSession> NextAsync(Func<FleetSession, bool> isWanted)
    {
        var seen = new TaskCompletionSource<FleetSession>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            _watchers.Add((isWanted, seen));
        }

        return seen.Task.WaitAsync(LongestWait);
    }

    private Task CountAsync(int count)
    {
        lock (_gate)
        {
            if (_isOver || _sessions.Count >= count)
            {
                return Task.CompletedTask;
            }

            var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _counts.Add((count, reached));
            return reached.Task;
        }
    }

    private void Come(FleetSession session)
    {
        lock (_gate)
        {
            _sessions.Add(session);
            _counts.Where(c => c.Count <= _sessions.Count).ToList().ForEach(c => c.Reached.SetResult());
            _counts.RemoveAll(c => c.Count <= _sessions.Count);
        }
    }

    private void EndCounts()
    {
        lock (_gate)
        {
            _isOver = true;
            _counts.ForEach(c => c.Reached.SetResult());
            _counts.Clear();
        }
    }

    private void Serve(FleetSession session)
    {
        lock (_gate)
        {
            _watchers.Where(w => w.IsWanted(session)).ToList().ForEach(w => w.Seen.TrySetResult(session));
            _watchers.RemoveAll(w => w.Seen.Task.IsCompleted);
        }
    }

    private async Task LiveAsync(FleetSession session, int number)
    {
        await RepeatAsync(number, silo => PlaceAsync(silo, session));
        if (session.Host is null)
        {
            return;
        }

        Serve(session);
        await CountAsync(number + (Lasting * rate));
        session.EndedAt = DateTimeOffset.UtcNow;
        var isFirst = true;
        await RepeatAsync(number, async silo =>
        {
            using var answer = await silo.Http.DeleteAsync($"/v1/fleet/mandelboxes/{session.Id}");
            session.IsGone = answer.StatusCode == HttpStatusCode.NoContent || (answer.StatusCode == HttpStatusCode.NotFound && !isFirst);
            session.Refusal = session.IsGone ? null : $"{answer.StatusCode} {await answer.Content.ReadAsStringAsync()}";
            return session.IsGone || answer.StatusCode == HttpStatusCode.NotFound;
        }, () => isFirst = false);
    }

    /// <summary>Whether there is no sense in repeating it.</summary>
    private static async Task<bool> PlaceAsync(FleetUnderTest silo, FleetSession session)
    {
        var (status, answer) = session.Wished is { } host ? await silo.PlaceAsync(session.Id, ("host", host)) : await silo.PlaceAsync(session.Id);
        if (status == HttpStatusCode.OK)
        {
            (session.ServedAt, session.Silo, session.Host) = (DateTimeOffset.UtcNow, silo, (string)answer["host"]!);
        }

        session.Refusal = status == HttpStatusCode.OK ? null : $"{status} {(string?)answer["error"]}";
        return status is not (HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout);
    }

    /// <summary>As a backend does: to one silo after the other.</summary>
    private async Task RepeatAsync(int turn, Func<FleetUnderTest, Task<bool>> tryAsync, Action? again = null)
    {
        using var late = new CancellationTokenSource(LongestWait);
        using var pace = new PeriodicTimer(TimeSpan.FromSeconds(1));
        try
        {
            while (true)
            {
                try
                {
                    if (await tryAsync(silos[turn++ % silos.Count]))
                    {
                        return;
                    }
                }
                catch (Exception exception) when (exception is HttpRequestException or IOException or JsonException)
                {
                    // That silo is dead, or is just starting.
                }

                again?.Invoke();
                await pace.WaitForNextTickAsync(late.Token);
            }
        }
        catch (OperationCanceledException) when (late.IsCancellationRequested)
        {
            // The session says how far it has come.
        }
    }
}

/// <summary>What one caller has seen.</summary>
internal sealed class FleetSession(string id, string? wished)
{
    public string Id => id;

    public string? Wished => wished;

    public DateTimeOffset CameAt { get; } = DateTimeOffset.UtcNow;

    /// <summary>By which silo; null until then, as all that follows.</summary>
    public FleetUnderTest? Silo { get; set; }

    public string? Host { get; set; }

    public DateTimeOffset? ServedAt { get; set; }

    /// <summary>When the caller began to end it.</summary>
    public DateTimeOffset? EndedAt { get; set; }

    /// <summary>Whether the caller was told that it has ended.</summary>
    public bool IsGone { get; set; }

    /// <summary>The last answer that was none.</summary>
    public string? Refusal { get; set; }
}
