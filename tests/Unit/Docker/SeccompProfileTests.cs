using System.Text.Json;
using HostService.Infrastructure.Docker;

namespace HostService.Tests.Unit.Docker;

public sealed class SeccompProfileTests
{
    private static readonly JsonElement Profile = JsonDocument.Parse(SeccompProfile.Json).RootElement;

    private static readonly Dictionary<string, List<JsonElement>> Rules = Profile.GetProperty("syscalls").EnumerateArray()
        .SelectMany(rule => rule.GetProperty("names").EnumerateArray().Select(name => (Name: name.GetString()!, Rule: rule)))
        .GroupBy(entry => entry.Name, entry => entry.Rule)
        .ToDictionary(group => group.Key, group => group.ToList());

    [Fact]
    public void What_it_does_not_name_is_refused() =>
        Assert.Equal("SCMP_ACT_ERRNO", Profile.GetProperty("defaultAction").GetString());

    [Theory]
    [InlineData("clone")]
    [InlineData("unshare")]
    [InlineData("mount")]
    [InlineData("umount")]
    [InlineData("umount2")]
    [InlineData("chroot")]
    [InlineData("mbind")]
    [InlineData("arch_prctl")]
    public void It_allows_without_conditions_what_sandboxes_and_the_capabilities_need(string name)
    {
        var rule = Assert.Single(Rules[name]);
        Assert.Equal("SCMP_ACT_ALLOW", rule.GetProperty("action").GetString());
        Assert.False(rule.TryGetProperty("args", out _));
    }

    [Theory]
    [InlineData("add_key")]
    [InlineData("bpf")]
    [InlineData("io_uring_setup")]
    [InlineData("keyctl")]
    [InlineData("kexec_load")]
    [InlineData("init_module")]
    [InlineData("open_by_handle_at")]
    [InlineData("perf_event_open")]
    [InlineData("pivot_root")]
    [InlineData("reboot")]
    [InlineData("request_key")]
    [InlineData("setns")]
    [InlineData("swapon")]
    [InlineData("userfaultfd")]
    public void It_names_nothing_that_needs_a_capability_which_mandelboxes_lack(string name) => Assert.DoesNotContain(name, Rules.Keys);

    [Fact]
    public void Newer_libraries_fall_back_from_clone3() =>
        Assert.Equal(38, Assert.Single(Rules["clone3"]).GetProperty("errnoRet").GetInt32());
}
