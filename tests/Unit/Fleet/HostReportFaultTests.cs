using System.Text.Json;
using HostService.GrainInterfaces.Fleet;

namespace HostService.Tests.Unit.Fleet;

/// <summary>A report comes from another machine, which may say anything.</summary>
public sealed class HostReportFaultTests
{
    private const string Good = """
        {"host":"a","address":"10.0.0.1","region":"","instanceType":"","version":"1","status":"Active","notReady":[],"capacity":4,"free":1,
        "gpuKinds":["T4"],"waiting":{"app":1},"mandelboxes":[{"mandelboxId":"m","state":"Running","appName":"app","createdAt":"2026-11-30T00:00:00Z"}]}
        """;

    [Theory]
    [InlineData("\"region\":\"\"", "\"region\":null")]
    [InlineData("\"address\":\"10.0.0.1\"", "\"address\":null")]
    [InlineData("\"notReady\":[]", "\"notReady\":null")]
    [InlineData("\"notReady\":[]", "\"notReady\":[null]")]
    [InlineData("\"gpuKinds\":[\"T4\"]", "\"gpuKinds\":null")]
    [InlineData("\"waiting\":{\"app\":1}", "\"waiting\":null")]
    [InlineData("\"waiting\":{\"app\":1}", "\"waiting\":{\"app\":-1}")]
    [InlineData("\"mandelboxId\":\"m\"", "\"mandelboxId\":null")]
    [InlineData("\"mandelboxId\":\"m\"", "\"mandelboxId\":\"../m\"")]
    [InlineData("\"free\":1", "\"free\":-1")]
    [InlineData("\"capacity\":4", "\"capacity\":-4")]
    [InlineData("\"status\":\"Active\"", "\"status\":77")]
    [InlineData("\"free\":1", "\"free\":1,\"page\":null")]
    [InlineData("\"free\":1", "\"free\":1,\"page\":\"javascript:alert(1)\"")]
    [InlineData("\"free\":1", "\"free\":1,\"page\":\"http://10.0.0.1/ops\"")]
    [InlineData("\"free\":1", "\"free\":1,\"upgrade\":{\"version\":null,\"attempt\":\"a\"}")]
    public void What_cannot_be_a_report_is_told(string part, string other)
    {
        Assert.Contains(part, Good, StringComparison.Ordinal);
        Assert.Null(Read(Good).Fault());
        Assert.NotNull(Read(Good.Replace(part, other, StringComparison.Ordinal)).Fault());
    }

    private static HostReport Read(string json)
    {
        var options = new JsonSerializerOptions(JsonSerializerDefaults.Web);
        RelayProtocol.Configure(options);
        return JsonSerializer.Deserialize<HostReport>(json, options)!;
    }
}
