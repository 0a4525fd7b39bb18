using System.Globalization;
using System.Text.RegularExpressions;
using HostService.Gateway;
using HostService.Grains.Host;
using HostService.Infrastructure.Storage.UserConfigs;
using HostService.Tests.Unit.Documentation;

namespace HostService.Tests.Unit.Deploy;

/// <summary>deploy/aws/host.yaml against the code.</summary>
public sealed partial class AwsTests
{
    private static readonly string Template = File.ReadAllText(Script.Deploy("aws/host.yaml"));

    /// <summary>What IAM calls the calls that the service makes.</summary>
    private static readonly Dictionary<string, string> Actions = new(StringComparer.Ordinal)
    {
        ["DescribeTags"] = "ec2:DescribeTags",
        ["GetObject"] = "s3:GetObject",
        ["GetObjectMetadata"] = "s3:GetObject",
        ["InitiateMultipartUpload"] = "s3:PutObject",
        ["UploadPart"] = "s3:PutObject",
        ["CompleteMultipartUpload"] = "s3:PutObject",
        ["AbortMultipartUpload"] = "s3:AbortMultipartUpload",
        ["ListObjectsV2"] = "s3:ListBucket",
    };

    [Fact]
    public void The_security_group_opens_every_port_that_a_mandelbox_may_get_and_that_of_the_https_interface()
    {
        var rules = Rule().Matches(Template)
            .Select(m => (
                Transport: m.Groups["transport"].Value,
                First: Number(m, "first"),
                Last: Number(m, "last"),
                Network: m.Groups["network"].Value))
            .ToList();
        var https = new GatewayOptions().Port;

        Assert.Equal([("tcp", https, https, "GatewayNetwork")], rules.Where(r => r.First == r.Last));
        var all = Enumerable.Range(PortPool.First, PortPool.End - PortPool.First).ToList();
        var clients = rules.Where(r => r.Network == "ClientNetwork")
            .ToLookup(r => r.Transport, r => Enumerable.Range(r.First, r.Last - r.First + 1));
        Assert.Equal(all.Where(port => port != https), clients["tcp"].SelectMany(ports => ports));
        Assert.Equal(all, clients["udp"].SelectMany(ports => ports));
        Assert.Equal(rules.Count, Regex.Count(Template, "IpProtocol:", RegexOptions.None, TimeSpan.FromSeconds(1)));
    }

    [Fact]
    public void The_role_may_do_what_the_service_calls_and_nothing_else()
    {
        var calls = new[] { "src/Infrastructure/Aws", "src/Infrastructure/Storage" }
            .SelectMany(folder => Pages.Files(folder, "*.cs"))
            .SelectMany(file => Call().Matches(File.ReadAllText(file)))
            .Select(match => match.Groups["name"].Value)
            .Distinct(StringComparer.Ordinal);
        var allowed = AllowedActions().Matches(Template).Where(m => !m.Value.Contains("sts:", StringComparison.Ordinal))
            .SelectMany(m => m.Groups["actions"].Value.Split(", "));

        Assert.Equal(
            calls.Select(call => Actions[call]).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal),
            allowed.Order(StringComparer.Ordinal));
        Assert.Contains($"Default: {new UserConfigsOptions().Bucket}\n", Template, StringComparison.Ordinal);
    }

    [Fact]
    public void User_data_does_what_that_of_the_AMI_does()
    {
        var given = Template[Template.IndexOf("- |\n", StringComparison.Ordinal)..Template.IndexOf("- Database:", StringComparison.Ordinal)]
            .Replace("${Environment}", "@APP_ENV@", StringComparison.Ordinal)
            .Replace("${Database}", "DATABASE_URL=@DATABASE_URL@", StringComparison.Ordinal);

        Assert.Equal(Commands(File.ReadAllText(Script.Deploy("ami/user-data.sh"))), Commands(given).Skip(1));
    }

    private static int Number(Match match, string group) => int.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);

    private static IEnumerable<string> Commands(string script) =>
        script.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0 && !line.StartsWith('#'));

    [GeneratedRegex(
        @"IpProtocol: (?<transport>tcp|udp)\n +FromPort: (?<first>\d+)\n +ToPort: (?<last>\d+)\n +CidrIp: !Ref (?<network>\w+)\n",
        RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000)]
    private static partial Regex Rule();

    [GeneratedRegex(@"Action: \[?(?<actions>[^\]\n]+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex AllowedActions();

    /// <summary>Calls of the clients of AWSSDK.S3 and AWSSDK.EC2, as this code names them.</summary>
    [GeneratedRegex(@"\b(S3|_s3\.Value|client)\.(?<name>[A-Z]\w+)Async\(", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Call();
}
