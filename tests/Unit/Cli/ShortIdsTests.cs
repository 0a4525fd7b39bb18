using HostService.Silo.Cli;

namespace HostService.Tests.Unit.Cli;

public sealed class ShortIdsTests
{
    private static readonly string[] Ids = ["abc1", "abc12", "abd", "0123456789abcdef0123456789abcdef", "abd"];

    [Theory]
    [InlineData("abc1", "abc1")]
    [InlineData("abc", "abc1 abc12")]
    [InlineData("abd", "abd")]
    [InlineData("0", "0123456789abcdef0123456789abcdef")]
    [InlineData("012345…abcdef", "0123456789abcdef0123456789abcdef")]
    [InlineData("012345…xyz", "")]
    [InlineData("zzz", "")]
    [InlineData("bc1", "")]
    public void A_text_means_the_id_that_it_is_or_those_that_begin_so_or_look_so_in_a_table(string text, string expected) =>
        Assert.Equal(expected, string.Join(' ', ShortIds.Matches(text, Ids)));
}
