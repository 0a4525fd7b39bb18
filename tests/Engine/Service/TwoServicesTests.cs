using System.Text.Json.Nodes;
using HostService.Grains.Mandelbox;
using HostService.Tests.Support;

namespace HostService.Tests.Engine.Service;

/// <summary>Two services on one machine, and one that follows a crashed one: neither touches what the other still uses.</summary>
[Collection(EngineCollection.Name)]
public sealed class TwoServicesTests(EngineFixture engine)
{
    public static TheoryData<string> SharedKeys =>
    [
        "Host__InstanceName", "Host__Root", "Host__PrivateRoot", "Host__CloudStorageRoot", "Orleans__SiloPort", "Gateway__Port",
    ];

    [EngineTheory]
    [MemberData(nameof(SharedKeys))]
    public async Task A_second_one_that_shares_something_is_refused_and_takes_nothing_from_the_first(string key)
    {
        await using var first = await TestService.StartAsync(engine.Endpoint, ("Gateway__Port", $"{TestPorts.Reserve()}"));
        await first.UpAsync("theirs");
        using var directory = new ScratchDirectory();
        var settings = ServiceSettings.Local(engine.Endpoint, directory)
            .With((key, first.Settings.Environment[key]), ("Host__OnLeftovers", "reclaim"));

        await using (var second = await ServiceProcess.LaunchAsync(settings))
        {
            Assert.Equal(3, await second.Exited.WaitAsync(TimeSpan.FromSeconds(60)));
            var named = key.Replace("__", ":", StringComparison.Ordinal);
            Assert.Contains($"uses the same {named} (", second.Log.Text, StringComparison.Ordinal);
            Assert.Equal("", second.Output.Text);
        }

        Assert.True((await first.ContainerAsync("theirs")).Running);
        Assert.True(Directory.Exists(Path.Combine(first.Settings.Root, "theirs")));
        Assert.True(File.Exists(Path.Combine(first.Settings.PrivateRoot, "key.pem")));
        await first.UpAsync("another");
    }

    [EngineFact]
    public async Task Of_two_that_start_at_the_same_time_one_gets_ready_and_its_directories_stay()
    {
        using var directory = new ScratchDirectory();
        var settings = ServiceSettings.Local(engine.Endpoint, directory);
        var both = await Task.WhenAll(ServiceProcess.LaunchAsync(settings), ServiceProcess.LaunchAsync(settings));
        await using var one = both[0];
        await using var other = both[1];

        var loser = await Task.WhenAny(one.Exited, other.Exited).WaitAsync(TimeSpan.FromSeconds(60)) == one.Exited ? one : other;
        var winner = loser == one ? other : one;
        Assert.Equal(3, await loser.Exited);
        await winner.Output.LineAsync("host-service ready on ").WaitAsync(TimeSpan.FromSeconds(60));

        Assert.True(Directory.Exists(Path.Combine(settings.Root, "temp")), loser.Log.Text);
        Assert.Equal(0, await winner.EndAsync());
    }

    [EngineFact]
    public async Task What_containers_of_a_crashed_run_use_is_given_to_nobody_until_they_are_removed()
    {
        await using var crashed = await TestService.StartAsync(engine.Endpoint);
        string[] ids = ["kept-1", "kept-2", "kept-3"];
        await Task.WhenAll(ids.Select(crashed.UpAsync));
        await crashed.Process.KillAsync();

        // Not deleted: what runs inside may write there meanwhile.
        Directory.Move(crashed.Settings.Root, crashed.Settings.Root + ".moved");

        await using var next = await ServiceProcess.StartAsync(crashed.Settings);
        using var http = next.Http;
        async Task<int> TtysAsync() => (int)JsonNode.Parse(await http.GetStringAsync("/v1/host"))!["ttys"]!["used"]!;
        Assert.Equal(3, await TtysAsync());
        using var content = new StringContent(TestService.Body("new").ToJsonString());
        using var answer = await http.PutAsync("/spin_up_mandelbox", content);
        Assert.True(answer.IsSuccessStatusCode, next.Log.Text);

        var leases = (await crashed.ContainersAsync()).Select(c => ContainerLabels.Read(c.Labels, c.Name)!).ToList();
        Assert.Equal(4, leases.Select(l => l.Tty).Distinct().Count());
        Assert.Equal(12, leases.SelectMany(l => l.Ports).Select(p => p.HostPort).Distinct().Count());

        // The mandelbox of the same id is refused, and the lease of the container with its name stays.
        using var again = new StringContent(TestService.Body("kept-1").ToJsonString());
        using var refused = await http.PutAsync("/spin_up_mandelbox", again);
        Assert.Contains("of an earlier run", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(4, await TtysAsync());

        foreach (var id in ids)
        {
            await DockerCommand.RunAsync(engine.Endpoint, "rm", "--force", $"mandelboxes-demo-{id}");
        }

        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (await TtysAsync() != 1)
        {
            limit.Token.ThrowIfCancellationRequested();
        }

        Assert.Equal(0, await next.EndAsync());
        Assert.Empty(await crashed.ContainersAsync());
    }

    [EngineFact]
    public async Task A_reclaim_that_is_refused_has_removed_nothing()
    {
        await using var crashed = await TestService.StartAsync(engine.Endpoint);
        await crashed.UpAsync("orphan");
        await crashed.Process.KillAsync();
        File.Delete(Path.Combine(crashed.Settings.Root, ".host-service"));

        await using var refused = await ServiceProcess.LaunchAsync(crashed.Settings.With(("Host__OnLeftovers", "reclaim")));

        Assert.Equal(3, await refused.Exited.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.True((await crashed.ContainerAsync("orphan")).Running);
        Assert.True(Directory.Exists(Path.Combine(crashed.Settings.Root, "orphan")));
    }

    [EngineFact]
    public async Task A_reclaim_leaves_containers_of_another_root_and_what_they_use()
    {
        await using var crashed = await TestService.StartAsync(engine.Endpoint);
        await crashed.UpAsync("elsewhere");
        await crashed.Process.KillAsync();
        using var directory = new ScratchDirectory();
        var settings = ServiceSettings.Local(engine.Endpoint, directory)
            .With(("Host__InstanceName", crashed.Settings.InstanceName), ("Host__OnLeftovers", "reclaim"));

        await using var next = await ServiceProcess.StartAsync(settings);

        Assert.True((await crashed.ContainerAsync("elsewhere")).Running);
        Assert.Contains($"of an earlier run with root {crashed.Settings.Root} is still there", next.Log.Text, StringComparison.Ordinal);
        Assert.Equal(0, await next.EndAsync());
        Assert.True((await crashed.ContainerAsync("elsewhere")).Running);
    }

    [EngineFact]
    public async Task A_host_that_was_renamed_knows_what_its_crashed_run_left()
    {
        await using var crashed = await TestService.StartAsync(engine.Endpoint);
        await crashed.UpAsync("before");
        await crashed.Process.KillAsync();
        Directory.Move(crashed.Settings.Root, $"{crashed.Settings.Root}-aside");
        var renamed = crashed.Settings.With(("Host__InstanceName", $"{crashed.Settings.InstanceName}-renamed"));

        await using (var next = await ServiceProcess.StartAsync(renamed))
        {
            using var http = next.Http;
            Assert.Equal(1, (int)JsonNode.Parse(await http.GetStringAsync("/v1/host"))!["ttys"]!["used"]!);
            Assert.Equal(0, await next.EndAsync());
        }

        Directory.Move($"{crashed.Settings.Root}-aside", crashed.Settings.Root);
        await using var reclaiming = await ServiceProcess.StartAsync(renamed.With(("Host__OnLeftovers", "reclaim")));
        Assert.Empty(await crashed.ContainersAsync());
        Assert.Equal(0, await reclaiming.EndAsync());
    }
}
