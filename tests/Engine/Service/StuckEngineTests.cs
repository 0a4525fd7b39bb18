using System.Diagnostics;
using System.Globalization;
using System.Net;
using HostService.Tests.Support;

namespace HostService.Tests.Engine.Service;

/// <summary>An engine that stands still, and one that loses a part of itself.</summary>
public sealed class StuckEngineTests
{
    [PrivateEngineFact]
    public async Task One_that_stands_still_in_the_middle_of_twenty_spin_ups_costs_no_caller_its_answer_and_leaves_nothing()
    {
        await using var daemon = await EngineFixture.StartOwnAsync();
        await using var service = await TestService.StartAsync(
            daemon.Endpoint,
            ("Docker__ReconnectDelay", "00:00:00.1"),
            ("UserConfigs__FetchTimeout", "00:00:05"),

            // After so many failures the service tries a spin-up by itself, which holds a lease.
            ("WarmUp__ProbeAfter", "00:10:00"), ("WarmUp__ProbeAtMost", "00:10:00"),
            ("Mandelbox__StepTimeout", "00:00:08"), ("Mandelbox__SpinUpTimeout", "00:00:10"), ("Mandelbox__AnswerTimeout", "00:00:01"),
            ("Mandelbox__RetryAfter", "00:00:00.2"), ("Mandelbox__RetryAtMost", "00:00:01"));
        var ids = Enumerable.Range(1, 20).Select(i => $"m{i}").ToList();
        var spinUps = ids.ConvertAll(id => service.SpinUpAsync(TestService.Body(id)));
        await service.Process.Log.LineAsync(": Leased -> Created").WaitAsync(TimeSpan.FromSeconds(60));

        await daemon.PauseAsync();
        var answers = await Task.WhenAll(spinUps).WaitAsync(TimeSpan.FromSeconds(60));
        await daemon.ResumeAsync();

        Assert.All(answers, a => Assert.True(a.Status is HttpStatusCode.OK or HttpStatusCode.NotAcceptable, $"{a.Status} {a.Answer}"));
        Assert.Contains(answers, a => a.Status == HttpStatusCode.NotAcceptable);
        foreach (var (id, answer) in ids.Zip(answers))
        {
            if (answer.Status == HttpStatusCode.OK)
            {
                await service.DeleteAsync(id);
            }

            await service.GoneAsync(id);
        }

        await service.AssertNothingIsLeftAsync();
        await service.UpAsync("after");
        Assert.Equal(0, await service.Process.EndAsync());
    }

    [PrivateEngineFact]
    public async Task A_container_whose_shim_is_killed_costs_its_mandelbox_and_no_other()
    {
        await using var daemon = await EngineFixture.StartOwnAsync();
        await using var service = await TestService.StartAsync(daemon.Endpoint);
        await Task.WhenAll(service.UpAsync("struck"), service.UpAsync("spared"));
        var spared = await service.ContainerAsync("spared");

        using (var shim = Process.GetProcessById(ParentOf((await service.ContainerAsync("struck")).Pid)))
        {
            Assert.Contains("shim", shim.ProcessName, StringComparison.Ordinal);
            shim.Kill();
        }

        await service.GoneAsync("struck");
        Assert.StartsWith("its container was killed from outside", await service.CauseAsync("struck"), StringComparison.Ordinal);
        Assert.Equal(spared.Pid, (await service.ContainerAsync("spared")).Pid);
        Assert.Equal(HttpStatusCode.NoContent, await service.DeleteAsync("spared"));
        await service.AssertNothingIsLeftAsync();
        Assert.Equal(0, await service.Process.EndAsync());
    }

    private static int ParentOf(long pid) => int.Parse(
        File.ReadLines($"/proc/{pid}/status").First(line => line.StartsWith("PPid:", StringComparison.Ordinal))["PPid:".Length..],
        CultureInfo.InvariantCulture);
}
