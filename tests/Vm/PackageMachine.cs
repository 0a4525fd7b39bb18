namespace HostService.Tests.Vm;

/// <summary>A VM in which nothing is installed, with two versions of the package in its share; only their numbers differ.</summary>
public sealed class PackageMachine : Machine
{
    internal const string First = "/share/first.deb";
    internal const string Second = "/share/second.deb";

    private protected override Task InstallAsync() => Task.CompletedTask;

    private protected override async Task FillShareAsync()
    {
        await base.FillShareAsync();

        // Little compressed: they are unpacked in an emulated machine.
        const string make = """
            set -e
            export DPKG_DEB_COMPRESSOR_TYPE=gzip DPKG_DEB_COMPRESSOR_LEVEL=1
            cd "$1"
            OUT=$2 eng/deb.sh
            mv "$2"/host-service_*.deb "$2/first.deb"
            dpkg-deb --raw-extract "$2/first.deb" "$2/package"
            sed -i 's/^Version: .*/Version: 99.0.0/' "$2/package/DEBIAN/control"
            dpkg-deb --root-owner-group -Zgzip --build "$2/package" "$2/second.deb"
            rm -rf "$2/package"
            """;
        (await Commands.RunAsync(TimeSpan.FromMinutes(10), "", "sh", "-c", make, "sh", Repository.Root, InShare("")))
            .OutputOf("making two packages");
    }
}
