using System.Net;
using HostService.Tests.Support;

namespace HostService.Tests.Engine.Service;

/// <summary>The service on an engine that dies: one of its own, for it is killed.</summary>
public sealed class LostEngineTests
{
    [PrivateEngineFact]
    public async Task An_engine_that_stays_away_ends_the_service_the_clean_way()
    {
        await using var daemon = await EngineFixture.StartOwnAsync();
        await using var service = await TestService.StartAsync(
            daemon.Endpoint, ("Docker__GiveUpAfter", "00:00:01"), ("Docker__ReconnectDelay", "00:00:00.1"), (
                "Shutdown__MandelboxTimeout", "00:00:05"));
        await service.UpAsync("abandoned");

        await daemon.KillAsync();

        Assert.Equal(4, await service.Process.Exited.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.Contains("has not answered for", service.Process.Log.Text, StringComparison.Ordinal);
        Assert.False(Path.Exists(service.Settings.PrivateRoot), service.Process.Log.Text);

        Assert.Contains("Mandelbox abandoned (EngineLost): the service ended before the undo", service.Process.Log.Text, StringComparison.Ordinal);

        Assert.StartsWith("abandoned (", await service.ExplainAfterItsEndAsync("abandoned"), StringComparison.Ordinal);
        Assert.Contains(": the container engine was lost. ", await service.ExplainAfterItsEndAsync("abandoned"), StringComparison.Ordinal);

        // containerd may keep the container alive: what it uses stays, and the log names it.
        Assert.Contains("may still run, and use it: abandoned", service.Process.Log.Text, StringComparison.Ordinal);
        Assert.True(Directory.Exists(Path.Combine(service.Settings.Root, "abandoned", "userConfigs")), service.Process.Log.Text);
    }

    [PrivateEngineFact]
    public async Task An_engine_that_dies_and_comes_back_costs_the_mandelboxes_that_died_with_it_and_nothing_else()
    {
        await using var daemon = await EngineFixture.StartOwnAsync();
        await using var service = await TestService.StartAsync(daemon.Endpoint, ("Docker__ReconnectDelay", "00:00:00.1"));
        await service.UpAsync("first");

        await daemon.KillAsync();
        await service.Process.Log.LineAsync("Docker event stream lost").WaitAsync(TimeSpan.FromSeconds(60));
        // Which step fails first depends on the moment; the caller is told in every case, and nothing stays behind.
        var (status, answer) = await service.SpinUpAsync(TestService.Body("meanwhile"));
        await daemon.StartAsync();

        await service.GoneAsync("first");
        Assert.Equal(HttpStatusCode.NotAcceptable, status);
        Assert.NotEqual("", (string)answer["error"]!);
        await service.UpAsync("after");
        Assert.Equal(HttpStatusCode.NoContent, await service.DeleteAsync("after"));
        await service.AssertNothingIsLeftAsync();
        Assert.Equal(0, await service.Process.EndAsync());
    }

    [PrivateEngineFact]
    public async Task An_engine_that_dies_in_the_middle_of_a_spin_up_leaves_nothing_of_it_once_it_is_back()
    {
        await using var daemon = await EngineFixture.StartOwnAsync();
        await using var service = await TestService.StartAsync(
            daemon.Endpoint,
            ("Docker__ReconnectDelay", "00:00:00.1"),
            ("Mandelbox__AnswerTimeout", "00:00:01"), ("Mandelbox__RetryAfter", "00:00:00.2"), ("Mandelbox__RetryAtMost", "00:00:01"));

        var spinUp = service.SpinUpAsync(TestService.Body("middle"));
        await service.Process.Log.LineAsync("Mandelbox middle: Leased -> Created").WaitAsync(TimeSpan.FromSeconds(60));
        await daemon.KillAsync();

        // Its start may just have been answered; as a rule it has not, and the caller does not wait for the engine to come back.
        var (status, answer) = await spinUp;
        Assert.True(
            status is HttpStatusCode.OK || $"{answer["error"]}".Contains("container", StringComparison.Ordinal), $"{status} {answer}");
        var held = await service.GetAsync("/v1/host");
        Assert.Equal((1, 0), ((int)held["slots"]!["used"]!, (int)held["leaks"]!));

        await daemon.StartAsync();
        await service.GoneAsync("middle");
        await service.AssertNothingIsLeftAsync();
        Assert.Equal(0, await service.Process.EndAsync());
    }
}
