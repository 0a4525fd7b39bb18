using System.Diagnostics;
using System.Text.Json.Nodes;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.Deploy;

/// <summary>The scripts of eng/ that name, describe and upload a build, in a checkout of their own; their binary only tells its version.</summary>
public sealed class ReleaseTests : IDisposable
{
    private readonly Script _script = new();
    private readonly string _checkout;

    public ReleaseTests()
    {
        _checkout = Directory.CreateDirectory(_script["checkout"]).FullName;
        foreach (var variable in new[] { "GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL" })
        {
            _script.Environment[variable] = "somebody";
        }

        _script.Environment["GIT_AUTHOR_DATE"] = _script.Environment["GIT_COMMITTER_DATE"] = "2026-11-29T23:30:00+02:00";
        _script.Environment["AWS_PROFILE"] = "uploads";
        Write("Directory.Build.props", "<Project>\n  <VersionPrefix>1.2.0</VersionPrefix>\n</Project>\n");
        Write("Directory.Packages.props", "<GlobalPackageReference Include=\"An.Analyzer\" Version=\"[1.0.0]\" />\n");
        Write(".gitignore", "/build/\n");
        foreach (var name in new[] { "version.sh", "upload.sh", "sbom.py" })
        {
            Directory.CreateDirectory(Path.Combine(_checkout, "eng"));
            ExecutableFile.Copy(Script.Deploy($"../eng/{name}"), Path.Combine(_checkout, "eng", name));
        }

        Git("init", "--quiet", "--initial-branch=main");
        Commit();
        Built(Head());
    }

    public void Dispose() => _script.Dispose();

    [NeedsFact("git")]
    public void A_commit_that_has_no_tag_is_older_than_the_next_version_and_says_when_and_which_it_is() =>
        Assert.Equal($"1.2.0~git202611292130.{Head()[..7]}", Version());

    [NeedsTheory("git")]
    [InlineData("v1.3.0", "1.3.0")]
    [InlineData("v1.3.0-rc1", "1.3.0~rc1")]
    public void A_tag_is_the_version(string tag, string version)
    {
        Git("tag", tag);
        Assert.Equal(version, Version());
    }

    [NeedsFact("git")]
    public void A_tag_of_something_else_or_of_an_earlier_commit_is_none()
    {
        Git("tag", "v1.1.0");
        Commit();
        Git("tag", "verified");

        Assert.StartsWith("1.2.0~git", Version(), StringComparison.Ordinal);
    }

    [NeedsFact("git")]
    public void A_commits_binary_is_uploaded_once_and_the_branchs_name_is_a_copy_of_it()
    {
        Aws(there: false);

        Assert.Equal(0, Run("upload.sh").Code);
        Assert.Equal(
            [
                $"aws s3 cp --no-progress build/host-service s3://fractal-host-service/{Head()}",
                $"aws s3 cp --no-progress s3://fractal-host-service/{Head()} s3://fractal-host-service/main",
            ],
            _script.Calls);
    }

    [NeedsFact("git")]
    public void What_a_commits_name_has_is_never_replaced()
    {
        Aws(there: true);

        Assert.Equal(0, Run("upload.sh").Code);
        Assert.Equal(
            [
                $"aws s3 ls s3://fractal-host-service/{Head()}",
                $"aws s3 cp --no-progress s3://fractal-host-service/{Head()} s3://fractal-host-service/main",
            ],
            _script.Calls);
    }

    [NeedsFact("git")]
    public void A_bucket_that_cannot_be_looked_into_is_no_empty_one()
    {
        _script.Program("aws", "case $2 in ls) exit 255 ;; esac");

        Assert.Equal(2, Run("upload.sh").Code);
        Assert.Empty(_script.Calls);
    }

    [NeedsFact("git")]
    public void A_binary_of_another_commit_or_with_changes_that_are_in_none_is_not_uploaded()
    {
        Aws(there: false);
        Write("Directory.Build.props", "<Project />\n");
        Assert.Contains("uncommitted changes", Refusal(), StringComparison.Ordinal);

        Commit();
        Assert.Contains($"not built from {Head()}", Refusal(), StringComparison.Ordinal);
    }

    [NeedsFact("git", "python3")]
    public void The_bill_of_materials_has_every_package_of_the_published_projects_with_its_hash_and_the_runtime()
    {
        Write("src/Silo/packages.lock.json", Lock("""
            "An.Analyzer":{"type":"Direct","resolved":"1.0.0","contentHash":"AAAA"},
            "Beta":{"type":"Direct","resolved":"2.1.0","contentHash":"AAECAw==","dependencies":{"alpha":"1.0.0"}},
            "hostservice.gateway":{"type":"Project"}
            """));
        Write("src/Gateway/packages.lock.json", Lock("""
            "Alpha":{"type":"Transitive","resolved":"1.0.1","contentHash":"/w=="},
            "Beta":{"type":"Transitive","resolved":"2.1.0","contentHash":"AAECAw=="}
            """));
        Write("tests/Unit/packages.lock.json", Lock("""
            "Tests.Only":{"type":"Direct","resolved":"1.0.0","contentHash":"AAAA"}
            """));

        var (code, text) = Run("sbom.py");
        Assert.True(code == 0, text);
        var bom = JsonNode.Parse(text)!;
        Assert.Equal(("CycloneDX", "1.6"), ((string)bom["bomFormat"]!, (string)bom["specVersion"]!));
        Assert.Equal("pkg:generic/host-service@1.2.0~git1", (string)bom["metadata"]!["component"]!["purl"]!);
        Assert.Equal(
            [
                ("pkg:nuget/Microsoft.AspNetCore.App.Runtime.linux-x64@10.0.1", null),
                ("pkg:nuget/Microsoft.NETCore.App.Runtime.linux-x64@10.0.1", null),
                ("pkg:nuget/Alpha@1.0.1", "ff"),
                ("pkg:nuget/Beta@2.1.0", "00010203"),
            ],
            bom["components"]!.AsArray().Select(c => ((string)c!["purl"]!, (string?)c["hashes"]?[0]!["content"])));
        var beta = Assert.Single(bom["dependencies"]!.AsArray(), d => (string)d!["ref"]! == "pkg:nuget/Beta@2.1.0")!;
        Assert.Equal(["pkg:nuget/Alpha@1.0.1"], beta["dependsOn"]!.AsArray().Select(d => (string)d!));

        Assert.Equal((0, text), Run("sbom.py"));
    }

    private static string Lock(string packages) => "{\"version\":2,\"dependencies\":{\"net10.0\":{" + packages + "}}}";

    private (int Code, string Output) Run(string name) => _script.Run(Path.Combine(_checkout, "eng", name));

    private string Version() => Run("version.sh") is (0, var output) ? output.TrimEnd('\n') : throw new InvalidOperationException();

    private string Refusal()
    {
        var (code, output) = Run("upload.sh");
        Assert.Equal(2, code);
        Assert.Empty(_script.Calls);
        return output;
    }

    private void Aws(bool there) => _script.Program("aws", $"case $2 in ls) {(there ? "" : "exit 1")} ;; esac");

    private void Built(string commit)
    {
        Directory.CreateDirectory(Path.Combine(_checkout, "build"));
        ExecutableFile.WriteScript(
            Path.Combine(_checkout, "build/host-service"), $"echo 'host-service 1.2.0~git1 ({commit}) on .NET 10.0.1, Orleans 10'");
    }

    private void Write(string path, string text)
    {
        var file = Path.Combine(_checkout, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
    }

    private void Commit()
    {
        Git("add", "--all");
        Git("commit", "--quiet", "--allow-empty", "--message=a change");
    }

    private string Head() => Git("rev-parse", "HEAD");

    private string Git(params string[] arguments)
    {
        var start = new ProcessStartInfo("git", ["-C", _checkout, .. arguments]) { RedirectStandardOutput = true, UseShellExecute = false };
        foreach (var (name, value) in _script.Environment)
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return output.TrimEnd('\n');
    }
}
