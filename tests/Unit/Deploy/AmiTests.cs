using System.Text.Json.Nodes;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.Deploy;

/// <summary>What the AMI's build does beyond installing packages.</summary>
public sealed class AmiTests : IDisposable
{
    private const string Chrome = "ghcr.io/fractal/dev/browsers/chrome:current-build";
    private const string Brave = "ghcr.io/fractal/dev/browsers/brave:current-build";

    private readonly Script _script = new();

    public void Dispose() => _script.Dispose();

    [Fact]
    public void Every_image_is_pulled_with_the_registrys_credentials_which_stay_off_the_command_line_and_out_of_the_AMI()
    {
        _script.Program("docker", "[ \"$1\" != login ] || line=\"$line < $(cat)\"; echo secret >\"$DOCKER_CONFIG/config.json\"; echo \"$DOCKER_CONFIG\" >\"$CONFIG_AT\"");
        _script.Environment["CONFIG_AT"] = _script["config-at"];
        _script.Environment["IMAGES"] = $"{Chrome} {Brave}";
        _script.Environment["REGISTRY"] = "ghcr.io";
        _script.Environment["REGISTRY_USER"] = "reader";
        _script.Environment["REGISTRY_PASSWORD"] = "pass word";

        Assert.Equal((0, ""), _script.Run("ami/images.sh"));

        Assert.Equal(
            ["docker login --username reader --password-stdin ghcr.io < pass word", $"docker pull --quiet {Chrome}", $"docker pull --quiet {Brave}", "docker logout ghcr.io"],
            _script.Calls);
        Assert.False(Directory.Exists(File.ReadAllText(_script["config-at"]).Trim()));
    }

    [Fact]
    public void Public_images_need_no_credentials()
    {
        _script.Program("docker");
        _script.Environment["IMAGES"] = Chrome;

        Assert.Equal((0, ""), _script.Run("ami/images.sh"));
        Assert.Equal([$"docker pull --quiet {Chrome}"], _script.Calls);
    }

    [Fact]
    public void An_AMI_without_an_image_or_with_one_that_cannot_be_pulled_is_not_built()
    {
        Assert.Equal(2, _script.Run("ami/images.sh").Code);

        _script.Program("docker", "[ \"$1\" != pull ] || exit 1");
        _script.Environment["IMAGES"] = Chrome;
        Assert.NotEqual(0, _script.Run("ami/images.sh").Code);
    }

    [NeedsFact("python3")]
    public void Docker_makes_cgroups_itself_and_keeps_its_other_settings()
    {
        File.WriteAllText(
            _script["daemon.json"],
            """{"runtimes":{"nvidia":{"path":"nvidia-container-runtime","args":[]}},"exec-opts":["native.cgroupdriver=systemd","other=1"]}""");

        Assert.Equal((0, ""), _script.Run("ami/docker-daemon.sh", _script["daemon.json"]));
        Assert.Equal((0, ""), _script.Run("ami/docker-daemon.sh", _script["daemon.json"]));

        var settings = JsonNode.Parse(File.ReadAllText(_script["daemon.json"]))!;
        Assert.Equal(["other=1", "native.cgroupdriver=cgroupfs"], settings["exec-opts"]!.AsArray().Select(o => (string)o!));
        Assert.Equal("nvidia-container-runtime", (string)settings["runtimes"]!["nvidia"]!["path"]!);
    }

    [NeedsFact("python3")]
    public void A_docker_without_settings_gets_that_one()
    {
        Assert.Equal((0, ""), _script.Run("ami/docker-daemon.sh", _script["etc/docker/daemon.json"]));

        Assert.Equal("""{"exec-opts":["native.cgroupdriver=cgroupfs"]}""", JsonNode.Parse(File.ReadAllText(_script["etc/docker/daemon.json"]))!.ToJsonString());
    }
}
