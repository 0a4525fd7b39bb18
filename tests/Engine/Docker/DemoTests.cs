using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using HostService.Infrastructure.Docker;
using HostService.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Tests.Engine.Docker;

/// <summary>The demo keeps its side of the contract.</summary>
[Collection(EngineCollection.Name)]
public sealed class DemoTests(EngineFixture fixture) : IAsyncLifetime
{
    private readonly ScratchDirectory _directory = new();
    private readonly ServiceProvider _services = EngineFixture.Connect(fixture.Endpoint);
    private readonly List<string> _containers = [];

    private IContainerEngine Engine => _services.GetRequiredService<IContainerEngine>();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (var id in _containers)
        {
            await Engine.RemoveAsync(id, default);
        }

        await _services.DisposeAsync();
        _directory.Dispose();
    }

    [EngineFact]
    public async Task It_waits_until_everything_was_handed_over_and_copes_with_what_was_not()
    {
        var (mappings, log) = await StartAsync("waits");
        Assert.Empty(Directory.GetFiles(mappings));

        await File.WriteAllTextAsync(Path.Combine(mappings, "tty"), "63");
        var up = Appears(mappings, "done_sleeping_until_X_clients");
        await ReadyAsync(mappings);
        await up;

        Assert.Contains(
            "demo is ready: mandelbox=waits tty=63 gpu=none dpi=none port=none timeout=none",
            await File.ReadAllTextAsync(Path.Combine(log, "demo.log")),
            StringComparison.Ordinal);
    }

    [EngineFact]
    public async Task It_ends_by_itself_when_its_client_does_not_come_in_time()
    {
        await using var events = await Engine.WatchAsync(null, default);
        var (mappings, _) = await StartAsync("lonely");

        await File.WriteAllTextAsync(Path.Combine(mappings, "timeout"), "1");
        await ReadyAsync(mappings);

        Assert.Equal(0, await DiesAsync(events));
    }

    [EngineFact]
    public async Task It_ends_when_told_to_even_while_it_still_waits()
    {
        await using var events = await Engine.WatchAsync(null, default);
        await StartAsync("told");

        await Engine.StopAsync(_containers[0], TimeSpan.FromSeconds(30), default);

        // 0, not 137: it was not killed.
        Assert.Equal(0, await DiesAsync(events));
    }

    [NeedsFact("as", "ld")]
    public async Task The_program_that_answers_datagrams_is_what_its_source_assembles_to()
    {
        var demo = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", "..", "..", "mandelboxes", "demo"));

        await RunAsync("as", Path.Combine(demo, "udp-answer.S"), "-o", _directory["udp-answer.o"]);
        await RunAsync("ld", "-N", "--oformat", "binary", "-Ttext", "0x400000", _directory["udp-answer.o"], "-o", _directory["udp-answer"]);

        var kept = Convert.FromHexString(string.Concat(await File.ReadAllLinesAsync(Path.Combine(demo, "udp-answer.hex"))));
        Assert.Equal(Convert.ToHexString(await File.ReadAllBytesAsync(_directory["udp-answer"])), Convert.ToHexString(kept));
    }

    private static string ThisFile([CallerFilePath] string file = "") => file;

    private static async Task RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardError = true })!;
        var errors = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, errors);
    }

    private static async Task Appears(string directory, string file)
    {
        using var watcher = new FileSystemWatcher(directory, file);
        var seen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        watcher.Created += (_, _) => seen.TrySetResult();
        watcher.EnableRaisingEvents = true;
        await seen.Task.WaitAsync(TimeSpan.FromSeconds(60));
    }

    /// <summary>As the service hands things over: written under another name, then renamed.</summary>
    private static async Task ReadyAsync(string mappings)
    {
        await File.WriteAllTextAsync(Path.Combine(mappings, ".new"), ".ready");
        File.Move(Path.Combine(mappings, ".new"), Path.Combine(mappings, ".ready"));
    }

    private async Task<int?> DiesAsync(IContainerEventSubscription events)
    {
        while (true)
        {
            var next = await events.NextAsync(default).WaitAsync(TimeSpan.FromSeconds(60));
            if (next.Action == "die" && _containers.Contains(next.ContainerId))
            {
                return next.ExitCode;
            }
        }
    }

    private async Task<(string Mappings, string Log)> StartAsync(string mandelboxId)
    {
        var mappings = _directory.Directory($"{mandelboxId}/mandelboxResourceMappings");
        var log = _directory.Directory($"{mandelboxId}/log");
        var id = await Engine.CreateAsync(
            new ContainerSpec
            {
                Name = $"{mandelboxId}-{Guid.NewGuid().ToString("n", CultureInfo.InvariantCulture)}",
                Image = FakeContainerEngine.DemoImage,
                Tty = true,
                Binds = [$"{mappings}:/fractal/resourceMappings", $"{log}:/var/log/fractal"],
            },
            default);
        _containers.Add(id);
        // It logs once it listens to signals: before that, the first process of a container hears none.
        var listens = Appears(log, "demo.log");
        await Engine.StartAsync(id, default);
        await listens;
        return (mappings, log);
    }
}
