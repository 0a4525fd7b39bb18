using HostService.GrainInterfaces;

namespace HostService.Tests.Unit.Gateway;

public sealed class NamesTests
{
    [Theory]
    [InlineData("a", true)]
    [InlineData("A-_9", true)]
    [InlineData("0", true)]
    [InlineData("", false)]
    [InlineData("host-service-warmup", false)]
    [InlineData("temp", false)]
    [InlineData("-a", false)]
    [InlineData("_a", false)]
    [InlineData("a.b", false)]
    [InlineData("a|b", false)]
    [InlineData("a/b", false)]
    [InlineData("a ", false)]
    [InlineData("a\n", false)]
    [InlineData("٣", false)]
    [InlineData("é", false)]
    public void A_mandelbox_id_is_letters_digits_dashes_and_underscores(string id, bool good) =>
        Assert.Equal(good, MandelboxIds.Fault(id) is null);

    [Theory]
    [InlineData(128, true)]
    [InlineData(129, false)]
    public void A_mandelbox_id_has_at_most_128_characters(int length, bool good) =>
        Assert.Equal(good, MandelboxIds.Fault(new string('a', length)) is null);

    [Theory]
    [InlineData("chrome", true)]
    [InlineData("browsers/chrome", true)]
    [InlineData("a.b_c-d/e0", true)]
    [InlineData("a--b", false)]
    [InlineData("a..b", false)]
    [InlineData("a//b", false)]
    [InlineData("a/", false)]
    [InlineData("/a", false)]
    [InlineData("A", false)]
    [InlineData("a:b", false)]
    [InlineData("a b", false)]
    [InlineData("a\n", false)]
    [InlineData("", false)]
    [InlineData(null, false)]
    public void An_app_name_is_small_words_joined_by_single_marks(string? name, bool good) => Assert.Equal(good, Names.IsAppName(name));

    [Fact]
    public void The_longest_hostile_app_name_is_refused_at_once() => Assert.False(Names.IsAppName(new string('a', 199) + "!"));

    [Theory]
    [InlineData("auth0|5f7c8ec7c33c6c004bbafe82", true)]
    [InlineData("google-oauth2|115", true)]
    [InlineData("|a", false)]
    [InlineData("a|../b", false)]
    [InlineData("a@clients", true)]
    [InlineData("jane.doe+boxes@example.com", true)]
    [InlineData("auth0|jane.doe@example.com", true)]
    [InlineData(".", false)]
    [InlineData("..", false)]
    [InlineData(".a", false)]
    [InlineData("..a", false)]
    [InlineData("@a", false)]
    [InlineData("+a", false)]
    [InlineData("a/..", false)]
    [InlineData("a/b", false)]
    [InlineData("a b", false)]
    [InlineData("a\n", false)]
    public void A_user_id_may_hold_what_auth0_and_mail_addresses_do_but_is_one_part_of_a_path(string id, bool good) =>
        Assert.Equal(good, Names.IsUserId(id));

    [Theory]
    [InlineData("abcdef012345", true)]
    [InlineData("abcdef01234", false)]
    [InlineData("ABCDEF012345", false)]
    [InlineData("abcdef01234g", false)]
    public void A_container_id_is_hexadecimal(string id, bool good) => Assert.Equal(good, Names.IsContainerId(id));
}
