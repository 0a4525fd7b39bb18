using System.Net;
using HostService.Infrastructure.Docker;
using HostService.Tests.Support;

namespace HostService.Tests.Engine.Service;

/// <summary>
/// <c>host-service explain</c> names the cause of each way in which a mandelbox ends. A killed shim is in
/// <see cref="StuckEngineTests"/>; what ends with the service is in <see cref="EndTests"/> and <see cref="LostEngineTests"/>.
/// </summary>
[Collection(EngineCollection.Name)]
public sealed class ExplainTests(EngineFixture engine) : IAsyncLifetime
{
    private const string Obedient = "mandelboxes/obedient";
    private const string ObedientImage = $"fractal/{Obedient}:current-build";

    private TestService _service = null!;

    public async Task InitializeAsync()
    {
        if (EngineFixture.SkipReason is not null)
        {
            return;
        }

        // Its first process does what a file says. It does not end on TERM: the first process of a container ignores what it does not handle.
        await DockerCommand.MakeImageAsync(
            engine.Endpoint, ObedientImage, """["/bin/sh", "-c", "while [ ! -e /tmp/order ]; do sleep 0.05; done; . /tmp/order"]""");
        _service = await TestService.StartAsync(engine.Endpoint, ("Mandelbox__StopGrace", "00:00:01"));
    }

    public async Task DisposeAsync()
    {
        if (EngineFixture.SkipReason is null)
        {
            await _service.DisposeAsync();
            await DockerCommand.RunAsync(engine.Endpoint, "rmi", "--no-prune", ObedientImage);
        }
    }

    [EngineTheory]
    [InlineData("exit 0", "the user left, and the app ended by itself (exit code 0). ")]
    [InlineData("exit 1", "the app ended with exit code 1. ")]
    [InlineData("exit 139", "the app ended with exit code 139: by signal SEGV. ")]
    [InlineData("kill -9", "its container was killed from outside (kill -9, docker kill, or its shim died); it had memory left. ")]
    [InlineData("docker rm", "somebody removed its container (docker rm). ")]
    [InlineData("memory", "it used all of its memory, and the kernel killed it. ")]
    [InlineData("stop", "an operator ended it; the app did not end on TERM, and was killed. ")]
    public async Task The_end_of_one_that_ran_has_its_cause(string how, string expected)
    {
        var (status, answer) = await _service.SpinUpAsync(TestService.Body("ended", Obedient));
        Assert.True(status == HttpStatusCode.OK, $"{answer}");
        var container = await _service.ContainerAsync("ended");

        await EndAsync(how, container);
        await _service.GoneAsync("ended");

        Assert.StartsWith(expected, await _service.CauseAsync("ended"), StringComparison.Ordinal);
        await _service.AssertNothingIsLeftAsync();
    }

    [EngineFact]
    public async Task An_operators_stop_of_one_that_ends_on_TERM_says_no_more_than_that()
    {
        await _service.UpAsync("stopped");
        Assert.Equal(HttpStatusCode.NoContent, await _service.DeleteAsync("stopped"));

        Assert.StartsWith("an operator ended it. ", await _service.CauseAsync("stopped"), StringComparison.Ordinal);
    }

    [EngineFact]
    public async Task A_spin_up_that_failed_has_its_step_and_its_reason()
    {
        const string Broken = "fractal/mandelboxes/broken:current-build";
        await DockerCommand.MakeImageAsync(engine.Endpoint, Broken, """["/no/such/program"]""");
        try
        {
            Assert.Equal(HttpStatusCode.NotAcceptable, (await _service.SpinUpAsync(TestService.Body("missing", "mandelboxes/nowhere"))).Status);
            Assert.Equal(HttpStatusCode.NotAcceptable, (await _service.SpinUpAsync(TestService.Body("broken", "mandelboxes/broken"))).Status);
            await _service.GoneAsync("missing");
            await _service.GoneAsync("broken");

            Assert.StartsWith(
                "its spin-up failed in step image: no local image matches app mandelboxes/nowhere",
                await _service.CauseAsync("missing"),
                StringComparison.Ordinal);
            var cause = await _service.CauseAsync("broken");
            Assert.StartsWith("its spin-up failed in step start: ", cause, StringComparison.Ordinal);
            Assert.Contains("/no/such/program", cause, StringComparison.Ordinal);
        }
        finally
        {
            await DockerCommand.RunAsync(engine.Endpoint, "rmi", "--no-prune", Broken);
        }
    }

    private async Task EndAsync(string how, ContainerDescription container)
    {
        switch (how)
        {
            case "kill -9":
                using (var process = System.Diagnostics.Process.GetProcessById((int)container.Pid))
                {
                    process.Kill();
                }

                break;
            case "docker rm":
                await DockerCommand.RunAsync(engine.Endpoint, "rm", "--force", container.Id);
                break;
            case "memory":
                await DockerCommand.RunAsync(engine.Endpoint, "update", "--memory", "16m", "--memory-swap", "16m", container.Id);
                await OrderAsync(container, "exec tail /dev/zero");
                break;
            case "stop":
                Assert.Equal(HttpStatusCode.NoContent, await _service.DeleteAsync("ended"));
                break;
            default:
                await OrderAsync(container, how);
                break;
        }
    }

    private async Task OrderAsync(ContainerDescription container, string order) => await DockerCommand.RunAsync(
        engine.Endpoint, "exec", "--detach", container.Id, "sh", "-c", $"echo '{order}' > /tmp/next && mv /tmp/next /tmp/order");
}
