using System.Net;
using HostService.Tests.Support;
using Microsoft.Playwright;

namespace HostService.Tests.EndToEnd.Ops;

/// <summary>The ops page of the process that users run, on a real engine.</summary>
[Collection(BrowserCollection.Name)]
public sealed class RealEngineOpsPageTests(Browser browser, EngineFixture engine)
{
    private const int Count = 20;

    private static readonly LocatorAssertionsToBeVisibleOptions WithinASecond = new() { Timeout = 1000 };

    [EngineAndFact(Browser.Program)]
    public async Task Twenty_mandelboxes_come_and_go_and_the_page_follows_each_within_a_second()
    {
        await using var service = await RunningService.StartLocalAsync(new ScratchDirectory(), engine);
        await using var tab = await browser.OpenAsync(service.Process.Address);
        await Assertions.Expect(tab.Page.Locator("#mandelboxes-empty")).ToBeVisibleAsync();

        for (var i = 0; i < Count; i++)
        {
            var (status, answer) = await service.SpinUpAsync(RunningService.SpinUp($"ops-{i}"));
            Assert.True(status == HttpStatusCode.OK, $"{answer}");
            await Assertions.Expect(tab.Row($"ops-{i}").GetByText("running")).ToBeVisibleAsync(WithinASecond);
        }

        await Assertions.Expect(tab.Page.Locator("#ttys .run a")).ToHaveCountAsync(Count);
        await tab.AssertAccessibleAsync();
        for (var i = 0; i < Count; i++)
        {
            using var deleted = await service.Process.Http.DeleteAsync($"/v1/mandelboxes/ops-{i}");
            Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
            await Assertions.Expect(tab.GoneRow($"ops-{i}").GetByText("stopped by an operator")).ToBeVisibleAsync(WithinASecond);
        }

        await Assertions.Expect(tab.Page.Locator("#mandelboxes-empty")).ToBeVisibleAsync(WithinASecond);

        // Each container's interface is one more of this machine: the browser breaks off what it is asking for, and the page asks again.
        tab.AssertNoComplaints(except: "ERR_NETWORK_CHANGED");
    }
}
