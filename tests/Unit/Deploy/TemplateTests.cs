using System.Diagnostics;
using System.Text.RegularExpressions;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.Deploy;

/// <summary>host.pkr.hcl, as far as the Packer of Debian can tell: version 1.6, with its own copy of the plugin for AWS.</summary>
public sealed partial class TemplateTests : IDisposable
{
    private static readonly string[] Required =
    [
        "branch=main", "images=[\"ghcr.io/fractal/dev/browsers/chrome\"]", "images_commit=0123456",
        "nvidia_driver_source=s3://drivers/grid.run", "nvidia_driver_version=535.183.01",
    ];

    private readonly ScratchDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [NeedsFact("packer")]
    public void The_template_is_valid() => Assert.Equal((0, ""), Validate(Required));

    [NeedsFact("packer")]
    public void Network_profile_tags_and_packages_are_variables() => Assert.Equal(
        (0, ""),
        Validate(
        [
            .. Required, "vpc_id=vpc-1", "subnet_id=subnet-1", "iam_instance_profile=packer", "run_tags={\"Team\":\"hosts\"}",
            "app_env=PROD", "nvidia_driver_sha256=00", "filebeat_package=https://example.com/filebeat.deb",
            "ecs_agent_package=https://example.com/ecs.deb", "ecs_cluster=one",
        ]));

    [NeedsTheory("packer")]
    [InlineData("app_env=production", "app_env must be DEV, STAGING, PROD or empty")]
    [InlineData("images=[]", "without an image does not start")]
    [InlineData("images=[\"registry:5000/chrome:current-build\"]", "Leave the tag out")]
    public void A_bad_value_is_refused_before_a_machine_is_started(string variable, string why)
    {
        var (code, output) = Validate([.. Required, variable]);

        Assert.Equal(1, code);
        Assert.Contains(why, output, StringComparison.Ordinal);
    }

    [NeedsTheory("packer")]
    [InlineData("branch=")]
    [InlineData("images_commit=")]
    [InlineData("nvidia_driver_version=")]
    public void What_nobody_can_guess_has_no_default(string variable) =>
        Assert.Equal(1, Validate([.. Required.Where(v => !v.StartsWith(variable, StringComparison.Ordinal))]).Code);

    [Fact]
    public void Every_variable_of_the_scripts_comes_from_the_template()
    {
        var given = Names(Template().Split('\n'), Given());
        var described = new[] { "nvidia-driver.sh", "images.sh", "webserver-unit.sh", "ecs/install.sh" }
            .SelectMany(script => Names(File.ReadLines(Script.Deploy($"ami/{script}")), Described()));
        string[] mentioned = ["REGISTRY_USER", "REGISTRY_PASSWORD", "FILEBEAT_PACKAGE", "ECS_AGENT_PACKAGE"];
        Assert.Equal(described.Concat(mentioned).Order(StringComparer.Ordinal), given.Order(StringComparer.Ordinal));
    }

    // What that version does not know: plugins that are fetched, and how instance metadata is read.
    private (int Code, string Output) Validate(string[] variables)
    {
        var root = Directory.CreateDirectory(_directory["deploy/ami"]).FullName;
        Directory.CreateDirectory(_directory["build"]);
        Directory.CreateDirectory(_directory["mandelboxes"]);
        File.WriteAllText(_directory["build/host-service"], "");
        File.Copy(Script.Deploy("ami/provision.sh"), Path.Combine(root, "provision.sh"), overwrite: true);
        File.WriteAllText(Path.Combine(root, "host.pkr.hcl"), Unknown().Replace(Template(), ""));

        var start = new ProcessStartInfo("packer") { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        start.Environment["CHECKPOINT_DISABLE"] = "1";
        start.Environment["PACKER_NO_COLOR"] = "1";
        start.Environment["PACKER_CONFIG_DIR"] = _directory.Directory("packer");
        string[] arguments = ["validate", .. variables.SelectMany(v => new[] { "-var", v }), root];
        Array.ForEach(arguments, start.ArgumentList.Add);
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + errors.Result);
    }

    private static IEnumerable<string> Names(IEnumerable<string> lines, Regex form) =>
        lines.Select(line => form.Match(line)).Where(match => match.Success).Select(match => match.Groups["name"].Value);

    private static string Template() => File.ReadAllText(Script.Deploy("ami/host.pkr.hcl"));

    [GeneratedRegex(
        @"(?ms)^packer \{.*?^\}|^  imds_support[^\n]*|^  metadata_options \{.*?^  \}", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Unknown();

    [GeneratedRegex("^ +\"(?<name>[A-Z0-9_]+)=", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Given();

    [GeneratedRegex("^#   (?<name>[A-Z0-9_]+) {2,}", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Described();
}
