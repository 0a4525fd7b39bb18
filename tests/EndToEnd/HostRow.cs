using System.Text.RegularExpressions;
using HostService.Tests.Support;

namespace HostService.Tests.EndToEnd;

/// <summary>The row that the webserver makes for a host before it starts it.</summary>
internal sealed partial record HostRow(string InstanceName)
{
    public string Ami { get; init; } = "local";

    public string Region { get; init; } = "local";

    public string InstanceType { get; init; } = "local";

    public required string Commit { get; init; }

    public string Status { get; init; } = "PRE_CONNECTION";

    /// <summary>The row that this binary will take.</summary>
    public static async Task<HostRow> ForAsync(ServiceSettings settings)
    {
        var (code, output, errors) = await ServiceProcess.CommandAsync(settings.Environment, "version");
        Assert.True(code == 0, errors);
        return new HostRow(settings.InstanceName) { Commit = CommitOf().Match(output).Groups["commit"].Value[..12] };
    }

    public Task AddAsync(PostgresServer server) => server.ExecuteAsync(
        $"""
        INSERT INTO hardware.instance_info
            (instance_name, ip, location, aws_ami_id, aws_instance_type, cloud_provider_id, commit_hash, creation_time_utc_unix_ms, status)
        VALUES ('{InstanceName}', '', '{Region}', '{Ami}', '{InstanceType}', '', '{Commit}', 0, '{Status}')
        """);

    [GeneratedRegex(@"\((?<commit>[0-9a-f]{40})\)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex CommitOf();
}
