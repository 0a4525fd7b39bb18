using System.Security.Cryptography;
using System.Text.Json.Nodes;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.Deploy;

/// <summary>What the AMI's build does beyond installing packages.</summary>
public sealed class AmiTests : IDisposable
{
    private const string Chrome = "ghcr.io/fractal/dev/browsers/chrome";
    private const string Brave = "registry:5000/fractal/dev/browsers/brave";
    private const string Commit = "0123456789abcdef";

    private readonly Script _script = new();

    public void Dispose() => _script.Dispose();

    [Fact]
    public void Every_image_is_pulled_with_the_registrys_credentials_which_stay_off_the_command_line_and_out_of_the_AMI()
    {
        _script.Program(
            "docker",
            "[ \"$1\" != login ] || line=\"$line < $(cat)\"\necho secret >\"$DOCKER_CONFIG/config.json\"\n"
                + "echo \"$DOCKER_CONFIG\" >\"$CONFIG_AT\"");
        _script.Environment["CONFIG_AT"] = _script["config-at"];
        _script.Environment["IMAGES"] = $"{Chrome} {Brave}";
        _script.Environment["IMAGES_COMMIT"] = Commit;
        _script.Environment["REGISTRY"] = "ghcr.io";
        _script.Environment["REGISTRY_USER"] = "reader";
        _script.Environment["REGISTRY_PASSWORD"] = "pass word";

        Assert.Equal((0, ""), _script.Run("ami/images.sh"));

        Assert.Equal(
            [
                "docker login --username reader --password-stdin ghcr.io < pass word",
                $"docker pull --quiet {Chrome}:{Commit}", $"docker tag {Chrome}:{Commit} {Chrome}:current-build",
                $"docker pull --quiet {Brave}:{Commit}", $"docker tag {Brave}:{Commit} {Brave}:current-build",
                "docker logout ghcr.io",
            ],
            _script.Calls);
        Assert.False(Directory.Exists(File.ReadAllText(_script["config-at"]).Trim()));
    }

    [Fact]
    public void Public_images_need_no_credentials()
    {
        _script.Program("docker");
        _script.Environment["IMAGES"] = Chrome;
        _script.Environment["IMAGES_COMMIT"] = Commit;

        Assert.Equal((0, ""), _script.Run("ami/images.sh"));
        Assert.Equal([$"docker pull --quiet {Chrome}:{Commit}", $"docker tag {Chrome}:{Commit} {Chrome}:current-build"], _script.Calls);
    }

    [Theory]
    [InlineData("", Commit)]
    [InlineData(Chrome, "")]
    [InlineData(Chrome + ":current-build", Commit)]
    public void An_AMI_without_an_image_or_without_the_commit_that_it_was_built_from_is_not_built(string images, string commit)
    {
        _script.Program("docker");
        _script.Environment["IMAGES"] = images;
        _script.Environment["IMAGES_COMMIT"] = commit;

        Assert.Equal(2, _script.Run("ami/images.sh").Code);
        Assert.Empty(_script.Calls);
    }

    [Theory]
    [InlineData("pull")]
    [InlineData("tag")]
    public void An_AMI_whose_image_cannot_be_had_is_not_built(string failing)
    {
        _script.Program("docker", $"[ \"$1\" != {failing} ] || exit 1");
        _script.Environment["IMAGES"] = Chrome;
        _script.Environment["IMAGES_COMMIT"] = Commit;

        Assert.NotEqual(0, _script.Run("ami/images.sh").Code);
    }

    [NeedsFact("python3")]
    public void Docker_makes_cgroups_itself_runs_nvidia_by_default_and_keeps_its_other_settings()
    {
        File.WriteAllText(
            _script["daemon.json"],
            """{"runtimes":{"nvidia":{"path":"nvidia-container-runtime"}},"exec-opts":["native.cgroupdriver=systemd","other=1"]}""");

        Assert.Equal((0, ""), _script.Run("ami/docker-daemon.sh", _script["daemon.json"]));
        Assert.Equal((0, ""), _script.Run("ami/docker-daemon.sh", _script["daemon.json"]));

        var settings = JsonNode.Parse(File.ReadAllText(_script["daemon.json"]))!;
        Assert.Equal(["other=1", "native.cgroupdriver=cgroupfs"], settings["exec-opts"]!.AsArray().Select(o => (string)o!));
        Assert.Equal("nvidia-container-runtime", (string)settings["runtimes"]!["nvidia"]!["path"]!);
        Assert.Equal("nvidia", (string)settings["default-runtime"]!);
    }

    [NeedsFact("python3")]
    public void A_docker_without_that_runtime_makes_cgroups_itself_and_no_more()
    {
        Assert.Equal((0, ""), _script.Run("ami/docker-daemon.sh", _script["etc/docker/daemon.json"]));

        var settings = JsonNode.Parse(File.ReadAllText(_script["etc/docker/daemon.json"]))!;
        Assert.Equal("""{"exec-opts":["native.cgroupdriver=cgroupfs"]}""", settings.ToJsonString());
    }

    [NeedsTheory("sha256sum")]
    [InlineData("s3://drivers/grid.run", "aws s3 cp --only-show-errors s3://drivers/grid.run")]
    [InlineData("https://example.com/grid.run", "curl -fsSL -o")]
    public void The_driver_is_fetched_checked_and_installed(string source, string fetched)
    {
        DriverPrograms(installs: "535.183.01");
        _script.Environment["NVIDIA_DRIVER_SOURCE"] = source;
        _script.Environment["NVIDIA_DRIVER_SHA256"] = Convert.ToHexStringLower(SHA256.HashData("true\n"u8));

        Assert.Equal((0, ""), _script.Run("ami/nvidia-driver.sh"));
        Assert.StartsWith(fetched, _script.Calls[0], StringComparison.Ordinal);
        Assert.Equal(["sh --silent --dkms", "modinfo -F version nvidia"], _script.Calls[1..]);
    }

    [Fact]
    public void A_public_bucket_is_asked_without_credentials_when_it_refuses_them()
    {
        DriverPrograms(installs: "535.183.01");
        _script.Program("aws", "case $* in *--no-sign-request*) ;; *) exit 1 ;; esac; for last; do :; done; echo true >\"$last\"");
        _script.Environment["NVIDIA_DRIVER_SOURCE"] = "s3://drivers/grid.run";

        Assert.Equal((0, ""), _script.Run("ami/nvidia-driver.sh"));
        Assert.StartsWith(
            "aws s3 cp --only-show-errors --no-sign-request s3://drivers/grid.run", _script.Calls[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("535.183.02", "")]
    [InlineData("535.183.01", "00")]
    public void Another_driver_than_the_images_carry_or_another_file_ends_the_build(string installs, string hash)
    {
        DriverPrograms(installs);
        _script.Environment["NVIDIA_DRIVER_SOURCE"] = "https://example.com/grid.run";
        _script.Environment["NVIDIA_DRIVER_SHA256"] = hash;

        Assert.NotEqual(0, _script.Run("ami/nvidia-driver.sh").Code);
    }

    [Theory]
    [InlineData("nouveau")]
    [InlineData("vga16fb")]
    [InlineData("nvidiafb")]
    public void The_gpu_is_kept_from_other_drivers(string module) =>
        Assert.Contains($"blacklist {module}", File.ReadLines(Script.Deploy("ami/modprobe.conf")));

    private void DriverPrograms(string installs)
    {
        _script.Environment["NVIDIA_DRIVER_VERSION"] = "535.183.01";
        _script.Program("aws", "for last; do :; done; echo true >\"$last\"");
        _script.Program("curl", "echo true >\"$3\"");
        _script.Program("sh", "shift; line=\"sh $*\"");
        _script.Program("modinfo", $"echo {installs}");
    }
}
