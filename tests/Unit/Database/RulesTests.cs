using HostService.GrainInterfaces;
using HostService.Infrastructure.Backend.Rows;

namespace HostService.Tests.Unit.Database;

public sealed class RulesTests
{
    private static readonly HostRegistration Ours = new(
        new HostIdentity("i", "i-1", "g4dn.xlarge", "ami-1", "us-east-1", "203.0.113.7"), "abcdef0123", 4,
        new MachineFigures { At = default });

    private static readonly InstanceRow Matching = new()
    {
        AmiId = "ami-1",
        Location = "us-east-1",
        InstanceType = "g4dn.xlarge",
        CommitHash = "abcdef0",
        Status = InstanceStatus.PreConnection,
    };

    [Theory]
    [InlineData("a", true)]
    [InlineData("abcdef0123", true)]
    [InlineData("abcdef01234", false)]
    [InlineData("ABCDEF", false)]
    [InlineData("", false)]
    public void The_rows_commit_hash_must_be_a_beginning_of_ours_and_not_empty(string hash, bool isTaken) => Assert.Equal(
        isTaken ? RegistrationOutcome.Registered : RegistrationOutcome.Refused,
        RegistrationRules.Decide(Matching with { CommitHash = hash }, Ours).Outcome);

    [Fact]
    public void A_build_that_does_not_know_its_own_commit_takes_no_row() =>
        Assert.Equal(RegistrationOutcome.Refused, RegistrationRules.Decide(Matching, Ours with { CommitHash = "" }).Outcome);

    [Fact]
    public void All_columns_that_differ_are_named_at_once()
    {
        var answer = RegistrationRules.Decide(
            new InstanceRow { Status = "ACTIVE", AmiId = "x", Location = "y", InstanceType = "z", CommitHash = "w" }, Ours);

        foreach (var column in (string[])["status", "aws_ami_id", "location", "aws_instance_type", "commit_hash"])
        {
            Assert.Contains($"column {column} is ", answer.Reason, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_row_that_is_not_wanted_any_more_is_so_even_where_it_does_not_match() =>
        Assert.Equal(
            RegistrationOutcome.NotWanted, RegistrationRules.Decide(new InstanceRow { Status = InstanceStatus.Draining }, Ours).Outcome);

    [Theory]
    [InlineData("PRE_CONNECTION")]
    [InlineData("ALLOCATED")]
    [InlineData("CONNECTING")]
    [InlineData("running")]
    [InlineData("")]
    public void A_status_that_is_not_the_hosts_to_set_is_a_defect_of_the_caller(string status) =>
        Assert.Throws<ArgumentException>(() => MandelboxStatus.ClaimedUpTo(status));

    [Fact]
    public void A_claimed_row_only_moves_forward()
    {
        Assert.Equal(["CONNECTING", "RUNNING"], MandelboxStatus.ClaimedUpTo("RUNNING"));
        Assert.Equal(["CONNECTING", "RUNNING", "DYING"], MandelboxStatus.ClaimedUpTo("DYING"));
    }
}
