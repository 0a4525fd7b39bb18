using System.Net;
using HostService.Grains.Mandelbox;
using HostService.Tests.Support;

namespace HostService.Tests.Engine.Service;

/// <summary>Whatever step of a spin-up fails, the caller is told why and nothing is left behind (B8).</summary>
[Collection(EngineCollection.Name)]
public sealed class FailureTests(EngineFixture engine, ServiceFixture fixture) : IClassFixture<ServiceFixture>
{
    private TestService Service => fixture.Service;

    [EngineFact]
    public async Task An_image_that_is_not_there_is_named()
    {
        var why = await RefusedAsync("no-image", "mandelboxes/nowhere");

        Assert.Contains("mandelboxes/nowhere", why, StringComparison.Ordinal);
        await Service.AssertNothingIsLeftAsync();
    }

    [EngineFact]
    public async Task A_name_that_is_taken_is_named_and_its_owner_stays()
    {
        const string Name = "mandelboxes-demo-taken";
        var foreign = await DockerCommand.RunAsync(engine.Endpoint, "create", "--name", Name, FakeContainerEngine.DemoImage);
        try
        {
            var why = await RefusedAsync("taken");

            Assert.Contains(Name, why, StringComparison.Ordinal);
            Assert.Equal(foreign, (await Service.Engine.InspectAsync(Name, default))!.Id);
            await Service.AssertNothingIsLeftAsync();
        }
        finally
        {
            await DockerCommand.RunAsync(engine.Endpoint, "rm", "--force", foreign);
        }
    }

    [EngineFact]
    public async Task A_directory_that_cannot_be_made_takes_nothing_with_it()
    {
        var inTheWay = Path.Combine(Service.Settings.Root, "occupied");
        await File.WriteAllTextAsync(inTheWay, "somebody else's");
        try
        {
            var why = await RefusedAsync("occupied");

            Assert.Contains(inTheWay, why, StringComparison.Ordinal);
            Assert.Equal("somebody else's", await File.ReadAllTextAsync(inTheWay));
            await Service.AssertNothingIsLeftAsync();
        }
        finally
        {
            File.Delete(inTheWay);
        }
    }

    [EngineFact]
    public async Task A_container_that_cannot_be_started_is_removed_again()
    {
        await WithImageAsync("mandelboxes/broken", """["/no/such/program"]""", async app =>
        {
            var why = await RefusedAsync("broken", app);

            Assert.Contains("/no/such/program", why, StringComparison.Ordinal);
            await Service.AssertNothingIsLeftAsync();
        });
    }

    [EngineFact]
    public async Task A_container_that_exits_at_once_is_gone_with_all_it_held()
    {
        await WithImageAsync("mandelboxes/short", """["/bin/false"]""", async app =>
        {
            // It may end before or after the last look at it: the caller is told of the former, the engine tells of the latter.
            var (status, answer) = await Service.SpinUpAsync(TestService.Body("short", app));

            await Service.GoneAsync("short");
            Assert.True(
                status == HttpStatusCode.OK || $"{answer["error"]}".Contains("ended", StringComparison.Ordinal), $"{status} {answer}");
            await Service.AssertNothingIsLeftAsync();
        });
    }

    [EngineFact]
    public async Task A_container_that_is_removed_while_its_mandelbox_runs_takes_it_along()
    {
        await Service.UpAsync("removed");
        var container = await Service.ContainerAsync("removed");

        await DockerCommand.RunAsync(engine.Endpoint, "rm", "--force", container.Id);

        await Service.GoneAsync("removed");
        await Service.AssertNothingIsLeftAsync();
    }

    [EngineFact]
    public async Task A_stranger_with_our_name_but_without_our_label_is_left_alone()
    {
        // Another host's mandelbox on the same engine: the same id, another owner.
        var foreign = await DockerCommand.RunAsync(
            engine.Endpoint, "run", "--detach", "--label", $"{ContainerLabels.Host}=another", "--label",
            $"{ContainerLabels.MandelboxId}=stranger", FakeContainerEngine.DemoImage);
        try
        {
            await Service.UpAsync("stranger");
            Assert.Equal(HttpStatusCode.NoContent, await Service.DeleteAsync("stranger"));

            Assert.True((await Service.Engine.InspectAsync(foreign, default))!.Running);
            await Service.AssertNothingIsLeftAsync();
        }
        finally
        {
            await DockerCommand.RunAsync(engine.Endpoint, "rm", "--force", foreign);
        }
    }

    [EngineFact]
    public async Task A_mandelbox_that_fills_the_disk_is_ended_with_the_reason_and_the_next_one_starts()
    {
        await using var service = await TestService.StartAsync(
            engine.Endpoint, ("Disk__LogBytes", "4194304"), ("Disk__LogsMaxBytes", "4194304"), ("Disk__CheckInterval", "00:00:00.1"));
        await service.UpAsync("full");
        var container = (await service.ContainerAsync("full")).Id;

        await DockerCommand.RunAsync(
            engine.Endpoint, "exec", "--detach", container, "dd", "if=/dev/zero", "of=/var/log/fractal/full.log", "bs=1M", "count=8");

        await service.GoneAsync("full");
        Assert.Contains(
            "Mandelbox full is ended: its logs take more than 4194304 bytes", service.Process.Log.Text, StringComparison.Ordinal);
        await service.Process.Log.LineAsync("Removed the logs in ").WaitAsync(TimeSpan.FromSeconds(60));

        await service.UpAsync("next");
        Assert.Equal(HttpStatusCode.NoContent, await service.DeleteAsync("next"));
        await service.AssertNothingIsLeftAsync();
        Assert.Contains("demo waits", await File.ReadAllTextAsync(
            Path.Combine(service.Settings.Root, "temp", "logs", "next", "1", "demo.log")), StringComparison.Ordinal);
    }

    private async Task<string> RefusedAsync(string id, string app = EngineFixture.DemoApp)
    {
        var (status, answer) = await Service.SpinUpAsync(TestService.Body(id, app));
        Assert.True(status == HttpStatusCode.NotAcceptable, $"{status} {answer}");
        Assert.Equal("", (string)answer["result"]!);
        return (string)answer["error"]!;
    }

    private async Task WithImageAsync(string app, string command, Func<string, Task> test)
    {
        var tag = $"fractal/{app}:current-build";
        await DockerCommand.MakeImageAsync(engine.Endpoint, tag, command);
        try
        {
            await test(app);
        }
        finally
        {
            await DockerCommand.RunAsync(engine.Endpoint, "rmi", "--no-prune", tag);
        }
    }
}
