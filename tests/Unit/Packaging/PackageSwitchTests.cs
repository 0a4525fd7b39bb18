using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace HostService.Tests.Unit.Packaging;

/// <summary>Which families of packages are real (eng/packages.sh), with a feed that holds what each test says.</summary>
public sealed class PackageSwitchTests : IDisposable
{
    private const string OrleansNotice = "Microsoft.Orleans 10.4.2 is not in your NuGet feed: building on compat/Orleans (one process, same API)";

    // Answers "dotnet restore project …" from files beside it: the packages that are missing, those of which there is only a newer version, and whether
    // anybody answers at all.
    private const string Feed = """
        #!/bin/sh
        cd "$(dirname "$0")"
        echo asked >>asked
        if [ -e silent ]; then echo 'error NU1301: Unable to load the service index'; exit 1; fi
        for package in $(cat missing 2>/dev/null); do
          if grep -q "\"$package\"" "../$2"; then echo "error NU1101: Unable to find package $package."; exit 1; fi
        done
        [ -e newer ] || exit 0
        while read -r package version; do
          if grep -q "\"$package\" Version=\"\[[0-9.]*\]\"" "../$2" && ! grep -q "\"$package\" Version=\"\[$version\]\"" "../$2"; then
            echo "error NU1102: Unable to find package $package with version"; exit 1
          fi
          mkdir -p "../$(dirname "$2")/obj"
          printf '      "%s/%s": {\n' "$package" "$version" >>"../$(dirname "$2")/obj/project.assets.json"
        done <newer
        """;

    private readonly DirectoryInfo _checkout = Directory.CreateTempSubdirectory("packages");

    public PackageSwitchTests()
    {
        foreach (var file in new[] { "eng/packages.sh", "Directory.Packages.props" })
        {
            Directory.CreateDirectory(Path.GetDirectoryName(InCheckout(file))!);
            File.Copy(Path.Combine(Root(), file), InCheckout(file));
        }

        Directory.CreateDirectory(InCheckout("feed"));
        File.WriteAllText(InCheckout("feed/dotnet"), Feed);
        File.SetUnixFileMode(InCheckout("feed/dotnet"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    public void Dispose() => _checkout.Delete(recursive: true);

    [Fact]
    public void A_whole_feed_gives_the_real_packages_and_no_notice()
    {
        Assert.Empty(Run().Output);
        Assert.Equal(("false", "false", "false"), Switches());
    }

    [Fact]
    public void A_family_of_which_one_package_is_missing_is_missing()
    {
        Missing("Microsoft.Orleans.Dashboard");

        Assert.Equal([OrleansNotice], Run().Output);
        Assert.Equal(("true", "false", "false"), Switches());
    }

    [Fact]
    public void Each_missing_family_has_one_line()
    {
        Missing("Microsoft.Orleans.Server", "Microsoft.Orleans.Client", "Docker.DotNet", "Sentry");

        Assert.Equal(3, Run().Output.Length);
        Assert.Equal(("true", "true", "true"), Switches());
    }

    [Fact]
    public void A_newer_release_of_the_same_major_version_stands_for_one_that_the_feed_lacks()
    {
        Newer("Sentry 6.12.1");

        var notice = "Sentry 6.9.0 is not in your NuGet feed: building on Sentry 6.12.1";
        Assert.Equal([notice], Run().Output);
        Assert.Equal([notice], Run().Output);
        Assert.Equal(("false", "false", "false"), Switches());
        Assert.Contains("<SentryVersion>6.12.1</SentryVersion>", File.ReadAllText(InCheckout("Packages.switch.props")), StringComparison.Ordinal);
    }

    [Fact]
    public void A_family_is_of_one_version()
    {
        Newer("Microsoft.Orleans.Server 10.5.0", "Microsoft.Orleans.Client 10.6.0");

        Assert.Equal([OrleansNotice], Run().Output);
        Assert.Equal(("true", "false", "false"), Switches());

        Newer("Microsoft.Orleans.Server 10.5.0", "Microsoft.Orleans.Client 10.5.0");
        File.SetLastWriteTimeUtc(InCheckout("Packages.switch.props"), DateTime.UtcNow.AddHours(-25));

        Assert.Equal(["Microsoft.Orleans 10.4.2 is not in your NuGet feed: building on Microsoft.Orleans 10.5.0"], Run().Output);
        Assert.Equal(("false", "false", "false"), Switches());
    }

    [Fact]
    public void The_feed_is_asked_once_a_day_and_the_notice_is_repeated()
    {
        Missing("Microsoft.Orleans.Server");
        Run();
        var asked = Asked();

        Assert.Equal([OrleansNotice], Run().Output);

        Assert.Equal(asked, Asked());
    }

    [Fact]
    public void When_the_feed_has_it_again_the_next_day_goes_back_by_itself()
    {
        Missing("Microsoft.Orleans.Server");
        Run();
        Missing();
        File.SetLastWriteTimeUtc(InCheckout("Packages.switch.props"), DateTime.UtcNow.AddHours(-25));

        Assert.Empty(Run().Output);
        Assert.Equal(("false", "false", "false"), Switches());
    }

    [Fact]
    public void Another_version_is_asked_for_at_once()
    {
        Run();
        var asked = Asked();
        var versions = InCheckout("Directory.Packages.props");
        File.WriteAllText(versions, File.ReadAllText(versions).Replace("10.4.2", "10.4.3", StringComparison.Ordinal));

        Run();

        Assert.True(Asked() > asked);
    }

    [Fact]
    public void A_feed_that_does_not_answer_changes_nothing_and_is_asked_again()
    {
        Run();
        File.SetLastWriteTimeUtc(InCheckout("Packages.switch.props"), DateTime.UtcNow.AddHours(-25));
        File.WriteAllText(InCheckout("feed/silent"), "");

        var run = Run();

        Assert.Equal(("false", "false", "false"), Switches());
        Assert.Contains("gave no answer", run.Errors, StringComparison.Ordinal);
        var asked = Asked();
        Run();
        Assert.True(Asked() > asked);
    }

    [Theory]
    [InlineData("real", "false")]
    [InlineData("compat", "true")]
    public void It_can_be_forced_without_asking(string mode, string stands)
    {
        Assert.Equal(0, Run(mode).Code);

        Assert.Equal((stands, stands, stands), Switches());
        Assert.Equal(0, Asked());
    }

    [Fact]
    public void After_it_was_forced_the_feed_decides_again()
    {
        Run("compat");

        Run();

        Assert.Equal(("false", "false", "false"), Switches());
    }

    [Fact]
    public void Another_word_is_bad_usage() => Assert.Equal(2, Run("perhaps").Code);

    private static string Root([CallerFilePath] string thisFile = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(thisFile)!, "../../.."));

    private string InCheckout(string path) => Path.Combine(_checkout.FullName, path);

    private void Missing(params string[] packages) => File.WriteAllLines(InCheckout("feed/missing"), packages);

    /// <summary>Lines of a package and the one version of it that the feed has.</summary>
    private void Newer(params string[] packages) => File.WriteAllLines(InCheckout("feed/newer"), packages);

    private int Asked() => File.Exists(InCheckout("feed/asked")) ? File.ReadAllLines(InCheckout("feed/asked")).Length : 0;

    private (string Orleans, string Docker, string Sentry) Switches()
    {
        var written = File.ReadAllText(InCheckout("Packages.switch.props"));
        return (Value("CompatOrleans"), Value("CompatDocker"), Value("CompatSentry"));

        string Value(string name) => written.Split($"<{name}>")[1].Split('<')[0];
    }

    private (int Code, string[] Output, string Errors) Run(string mode = "auto")
    {
        var start = new ProcessStartInfo("bash", [InCheckout("eng/packages.sh"), mode])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["PATH"] = $"{InCheckout("feed")}:{Environment.GetEnvironmentVariable("PATH")}";
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output.Split('\n', StringSplitOptions.RemoveEmptyEntries), errors.GetAwaiter().GetResult());
    }
}
