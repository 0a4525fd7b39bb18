using System.Net;
using System.Text.Json.Nodes;
using HostService.Tests.Support;
using Xunit.Abstractions;

namespace HostService.Tests.Engine.Service;

/// <summary>
/// Mandelboxes come and go for a long time, while an engine that runs nothing fails at random: nothing is left behind. SOAK_CYCLES and
/// SOAK_SEED choose how long, and which faults; "make soak" is long.
/// </summary>
[Collection(EngineCollection.Name)]
public sealed class SoakTests(EngineFixture real, ITestOutputHelper output)
{
    private const int AtOnce = 16;
    private const int Sandboxes = 4;
    private const int Waiting = 2;
    private const int LongRun = 100_000;
    private static readonly TimeSpan QuietTimeout = TimeSpan.FromMinutes(2);

    [Theory]
    [InlineData(AtOnce, 0, 0)]
    [InlineData(2, Sandboxes, 0)]
    [InlineData(2, Sandboxes, Waiting)]
    public async Task Thousands_of_mandelboxes_leave_nothing_behind_whatever_the_engine_does(int atOnce, int sandboxes, int waiting)
    {
        var cycles = EnvironmentNumber.Read("SOAK_CYCLES") ?? (waiting == 0 ? 300 : 160);
        var seed = EnvironmentNumber.Read("SOAK_SEED") ?? Environment.TickCount;
        output.WriteLine($"SOAK_CYCLES={cycles} SOAK_SEED={seed}");
        using var directory = new ScratchDirectory();
        await using var engine = await InstantEngine.StartAsync(seed);
        await using var service = await ServiceProcess.StartAsync(ServiceSettings.Local(engine.Endpoint, directory).With(
            ("Docker__SandboxPool", $"{sandboxes}"), (EngineFixture.DemoWaiting, $"{waiting}"),
            ("Mandelbox__RetryAfter", "00:00:00.050"), ("Mandelbox__RetryAtMost", "00:00:00.200"),
            ("Logging__LogLevel__Default", "Error")));

        // Not before: a start is refused by an engine that fails.
        engine.FaultRate = 0.03;

        // Also a sandbox may end, and its mandelbox with it.
        var run = new Run(
            service, seed, atOnce, name => Task.Run(() => engine.Die(name.EndsWith('1') ? engine.NetworkOf(name) ?? name : name)));

        // Pools of connections and threads fill first.
        var first = Math.Max(cycles / 10, 150);
        await RoundsAsync(run, first, sandboxes);
        var early = await ProcessFootprint.ReadAsync(service.Pid);
        await RoundsAsync(run, cycles - first, sandboxes);
        var late = await ProcessFootprint.ReadAsync(service.Pid);

        output.WriteLine($"{run.Up} came up, {run.Refused} were refused; {engine.Calls} calls of the engine");
        output.WriteLine($"{engine.Joined} joined; {engine.Renamed} were adopted");
        output.WriteLine($"after {first}: {early}; at the end: {late}");
        Assert.True(run.Up > cycles / 2, $"only {run.Up} of {cycles} came up");
        Assert.True(run.Refused > 0, "no fault was seen by a caller");
        Assert.True(sandboxes == 0 ? engine.Joined == 0 : engine.Joined > cycles / 10, $"only {engine.Joined} have joined a sandbox");

        // One that waits may have a sandbox.
        Assert.InRange(engine.Containers, sandboxes + waiting, sandboxes + (2 * waiting));
        Assert.True(waiting == 0 ? engine.Renamed == 0 : engine.Renamed > 0, $"{engine.Renamed} were adopted");
        Assert.DoesNotContain(
            Directory.GetDirectories(service.Settings.Root, "*", SearchOption.AllDirectories), d => d.Contains("soak-", StringComparison.Ordinal) && !d.Contains("/logs/", StringComparison.Ordinal));
        Assert.Empty(Directory.Exists(service.Settings.Records) ? Directory.GetFiles(service.Settings.Records) : []);
        Assert.InRange(late.Descriptors, 0, early.Descriptors + 40);
        Assert.InRange(late.Threads, 0, early.Threads + 20);
        if (cycles >= LongRun)
        {
            Assert.InRange(late.ResidentKb, 0, (long)(early.ResidentKb * 1.05));
        }

        Assert.Equal(0, await service.EndAsync());
        Assert.Equal(0, engine.Containers);
        Assert.False(Directory.Exists(service.Settings.Root));
    }

    [EngineFact]
    public async Task On_a_real_engine_they_leave_nothing_behind_either()
    {
        await using var service = await TestService.StartAsync(real.Endpoint, ("Docker__SandboxPool", $"{Sandboxes}"));
        var run = new Run(
            service.Process, seed: 1, AtOnce, name => DockerCommand.RunAsync(real.Endpoint, "kill", name));

        await run.CyclesAsync(Math.Max(AtOnce, (EnvironmentNumber.Read("SOAK_CYCLES") ?? 0) / 100));

        Assert.Equal(0, run.Refused);
        await service.AssertNothingIsLeftAsync();
        Assert.Equal(0, await service.Process.EndAsync());
        Assert.Empty(await service.SandboxesAsync());
    }

    /// <summary>Rounds short enough for the pool of sandboxes, which is filled between them, to serve a part of each.</summary>
    private static async Task RoundsAsync(Run run, int cycles, int sandboxes)
    {
        var round = sandboxes == 0 ? cycles : sandboxes * 4;
        for (var left = cycles; left > 0; left -= round)
        {
            await run.CyclesAsync(Math.Min(round, left));
        }
    }

    private sealed class Run(ServiceProcess service, int seed, int atOnce, Func<string, Task> die)
    {
        private int _next;
        private int _up;
        private int _refused;

        public int Up => _up;

        public int Refused => _refused;

        public async Task CyclesAsync(int count)
        {
            var last = _next + count;
            await Task.WhenAll(Enumerable.Range(0, atOnce).Select(worker => WorkAsync(last, new Random(seed + worker + _next))));
            await QuietAsync();
        }

        private async Task WorkAsync(int last, Random random)
        {
            for (var number = Interlocked.Increment(ref _next); number <= last; number = Interlocked.Increment(ref _next))
            {
                var id = $"soak-{number}";
                using var body = new StringContent(TestService.Body(id).ToJsonString());
                using var answer = await service.Http.PutAsync("/spin_up_mandelbox", body);
                if (answer.StatusCode != HttpStatusCode.OK)
                {
                    Assert.Equal(HttpStatusCode.NotAcceptable, answer.StatusCode);
                    Interlocked.Increment(ref _refused);
                    continue;
                }

                Interlocked.Increment(ref _up);
                if (random.Next(2) == 0)
                {
                    await die($"mandelboxes-demo-{id}");
                }
                else
                {
                    using var ended = await service.Http.DeleteAsync($"/v1/mandelboxes/{id}");
                    Assert.True(ended.StatusCode is HttpStatusCode.NoContent or HttpStatusCode.NotFound, $"{ended.StatusCode}");
                }
            }

            // What was taken too much is given back, so that the next round begins where this one ends.
            Interlocked.Decrement(ref _next);
        }

        /// <summary>Waits until the last mandelbox has gone, and the pools of sandboxes and of those that wait are full.</summary>
        private async Task QuietAsync()
        {
            using var limit = new CancellationTokenSource(QuietTimeout);
            while (true)
            {
                var host = JsonNode.Parse(await service.Http.GetStringAsync("/v1/host", limit.Token))!;
                if (TestService.Held(host) == "" && (int)(host["sandboxes"]?["used"] ?? 0) == 0
                    && (int)(host["waiting"]?["used"] ?? 0) == 0 && (int)host["leaks"]! == 0)
                {
                    return;
                }

                Assert.False(limit.IsCancellationRequested, host.ToJsonString());
            }
        }
    }
}
