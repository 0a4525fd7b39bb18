using HostService.GrainInterfaces;
using HostService.Grains.Mandelbox;
using HostService.Infrastructure.Docker;

namespace HostService.Tests.Unit.Mandelbox;

public sealed class ContainerSpecTests
{
    private static readonly ContainerOwner Owner = new("host-1", "run-1", "/fractal");

    private static readonly Lease Lease = new(
        Guid.Parse("11111111-2222-3333-4444-555555555555"),
        "box-1",
        12,
        1,
        [new(32262, Transport.Tcp, 2001), new(32263, Transport.Udp, 2002), new(32273, Transport.Tcp, 2003)]);

    private static readonly SpinUpRequest Request = new("auth0|u", "browsers/chrome", "0123456789", 7);

    private static MandelboxContext Context()
    {
        var context = Contexts.Create("box-1", Request);
        (context.Lease, context.Image) = (Lease, "fractal/browsers/chrome:current-build");
        return context;
    }

    [Fact]
    public void A_container_is_what_the_contract_says()
    {
        var context = Context();
        var spec = ContainerSpecs.Build(
            context,
            Owner,
            HostEnvironment.Staging,
            new ContainerCapabilities
            {
                AppArmorProfile = "mandelbox-apparmor-profile",
                Seccomp = true,
                Fuse = true,
                SharedMounts = true,
                UdevData = true,
                CloudStorageRoot = "/fractalCloudStorage",
            });

        Assert.Equal("browsers-chrome-box-1", spec.Name);
        Assert.Equal("fractal/browsers/chrome:current-build", spec.Image);
        Assert.Equal(
            [$"FRACTAL_AES_KEY={context.AesKey}", "NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=all", "SENTRY_ENV=STAGING"],
            spec.Environment);
        Assert.Matches("^[0-9a-f]{32}$", context.AesKey);
        Assert.Equal((6552550944, 2, 2147483648), (spec.MemoryBytes, spec.CpuShares, spec.ShmBytes));
        Assert.Equal(["/run", "/run/lock"], spec.Tmpfs.Keys.Order());
        Assert.All(spec.Tmpfs.Values, size => Assert.Equal("size=52428800", size));
        Assert.Equal(["ALL"], spec.CapDrop);
        Assert.Equal(15, spec.CapAdd.Count);
        Assert.Equal(["apparmor:mandelbox-apparmor-profile", $"seccomp={SeccompProfile.Json}"], spec.SecurityOptions);
        Assert.Equal(
            [(32262, Transport.Tcp, 2001), (32263, Transport.Udp, 2002), (32273, Transport.Tcp, 2003)],
            spec.Ports.Select(p => ((int)p.MandelboxPort, p.Transport, (int)p.HostPort)));
        Assert.Equal(
            [
                "/sys/fs/cgroup:/sys/fs/cgroup:ro",
                "/fractal/box-1/mandelboxResourceMappings:/fractal/resourceMappings",
                "/fractal/temp/box-1/sockets:/tmp/sockets",
                "/fractal/temp/logs/box-1/7:/var/log/fractal",
                "/fractal/box-1/userConfigs/unpacked_configs:/fractal/userConfigs:rshared",
                "/run/udev/data:/run/udev/data:ro",
                "/fractalCloudStorage/box-1:/fractal/cloudStorage:ro,rslave",
            ],
            spec.Binds);
        Assert.Equal(["/dev/fuse"], spec.Devices);
        Assert.True(spec.Tty);
    }

    [Fact]
    public void Every_life_has_a_key_of_its_own() => Assert.NotEqual(Context().AesKey, Context().AesKey);

    [Fact]
    public void Capabilities_that_the_machine_lacks_are_left_out()
    {
        var spec = ContainerSpecs.Build(Context(), Owner, HostEnvironment.LocalDev, new ContainerCapabilities());
        Assert.Empty(spec.SecurityOptions);
        Assert.Empty(spec.Devices);
        Assert.DoesNotContain(
            spec.Binds, b => b.Contains("udev", StringComparison.Ordinal) || b.Contains("rshared", StringComparison.Ordinal));
    }

    [Fact]
    public void Labels_record_the_whole_lease()
    {
        var labels = ContainerLabels.Write(Owner, Lease, Request);
        var read = ContainerLabels.Read(labels, "")!;
        Assert.Equal(Lease with { Ports = read.Ports }, read);
        Assert.Equal(Lease.Ports, read.Ports);
        Assert.Equal("box-1", ContainerLabels.MandelboxOf(labels, "", Owner));
        Assert.Null(ContainerLabels.MandelboxOf(labels, "", Owner with { InstanceName = "host-2" }));
        Assert.Null(ContainerLabels.MandelboxOf(labels, "", Owner with { Run = "run-2" }));
        Assert.True(ContainerLabels.IsOfEarlierRun(labels, Owner with { Run = "run-2" }));
        Assert.True(ContainerLabels.IsOfEarlierRun(labels, Owner with { Run = "run-2", InstanceName = "renamed" }));
        Assert.False(ContainerLabels.IsOfEarlierRun(labels, Owner with { Run = "run-2", InstanceName = "another", Root = "/elsewhere" }));
        Assert.False(ContainerLabels.IsOfEarlierRun(labels, Owner));
        Assert.False(ContainerLabels.IsOfEarlierRun(
            ContainerLabels.Write(Owner, new NetworkSandbox("sandbox", SandboxState.Ready, [])), Owner with { Run = "run-2" }));
        Assert.True(ContainerLabels.IsOfRoot(labels, Owner));
        Assert.False(ContainerLabels.IsOfRoot(labels, Owner with { Root = "/elsewhere" }));
        Assert.DoesNotContain(labels.Values, v => v.Contains("0123456789", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(ContainerLabels.LeaseId, "not a guid")]
    [InlineData(ContainerLabels.Tty, "x")]
    [InlineData(ContainerLabels.Gpu, "")]
    [InlineData(ContainerLabels.Ports, "32262/tcp")]
    [InlineData(ContainerLabels.Ports, "32262/sctp=1")]
    [InlineData(ContainerLabels.Ports, "a/tcp=1")]
    [InlineData(ContainerLabels.Ports, "32262/tcp=99999")]
    public void Damaged_labels_record_no_lease(string label, string value)
    {
        var labels = ContainerLabels.Write(Owner, Lease, Request);
        labels[label] = value;
        Assert.Null(ContainerLabels.Read(labels, ""));
        labels.Remove(label);
        Assert.Null(ContainerLabels.Read(labels, ""));
    }
}
