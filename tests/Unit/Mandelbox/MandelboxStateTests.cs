using HostService.GrainInterfaces;

namespace HostService.Tests.Unit.Mandelbox;

public sealed class MandelboxStateTests
{
    // Rows: from; columns: to, in the order of the enum. x: may follow.
    private static readonly string[] Matrix =
    [
        //           Al Le Cr St Wa Co Ru Dy Go
        /* Allocated */ ". x . . . . . x .",
        /* Leased */ ". . x . . . . x .",
        /* Created */ ". . . x . . . x .",
        /* Started */ ". . . . x x . x .",
        /* Waiting */ ". . . . . x . x .",
        /* Connecting */ ". . . . . . x x .",
        /* Running */ ". . . . . . . x .",
        /* Dying */ ". . . . . . . . x",
        /* Gone */ ". . . . . . . . .",
    ];

    public static TheoryData<MandelboxState, MandelboxState, bool> Transitions()
    {
        var data = new TheoryData<MandelboxState, MandelboxState, bool>();
        foreach (var from in Enum.GetValues<MandelboxState>())
        {
            var row = Matrix[(int)from].Split(' ');
            foreach (var to in Enum.GetValues<MandelboxState>())
            {
                data.Add(from, to, row[(int)to] == "x");
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Transitions))]
    public void A_state_is_followed_by_those_of_the_matrix_only(MandelboxState from, MandelboxState to, bool allowed) =>
        Assert.Equal(allowed, from.CanBecome(to));

    [Theory]
    [InlineData(MandelboxState.Allocated, false, true, false, false, true)]
    [InlineData(MandelboxState.Leased, true, true, false, false, true)]
    [InlineData(MandelboxState.Created, true, true, false, false, true)]
    [InlineData(MandelboxState.Started, true, true, true, false, true)]
    [InlineData(MandelboxState.Waiting, true, true, true, false, true)]
    [InlineData(MandelboxState.Connecting, true, true, true, true, true)]
    [InlineData(MandelboxState.Running, true, true, true, true, true)]
    [InlineData(MandelboxState.Dying, true, false, false, false, true)]
    [InlineData(MandelboxState.Gone, false, false, false, false, false)]
    public void Predicates_say_what_a_state_means(MandelboxState state, bool lease, bool alive, bool running, bool user, bool canStop) =>
        Assert.Equal((lease, alive, running, user, canStop), (state.HoldsLease, state.IsAlive, state.HasRunningContainer, state.HasUser, state.CanStop));

    [Theory]
    [InlineData("development", HostEnvironment.Dev)]
    [InlineData("DEV", HostEnvironment.Dev)]
    [InlineData("Staging", HostEnvironment.Staging)]
    [InlineData("prod", HostEnvironment.Prod)]
    [InlineData("PRODUCTION", HostEnvironment.Prod)]
    [InlineData("localdevwithdb", HostEnvironment.LocalDevWithDb)]
    [InlineData("LOCALDEV_WITH_DB", HostEnvironment.LocalDevWithDb)]
    [InlineData("localdev_with_database", HostEnvironment.LocalDevWithDb)]
    [InlineData("localdev", HostEnvironment.LocalDev)]
    [InlineData("anything else", HostEnvironment.LocalDev)]
    [InlineData("", HostEnvironment.LocalDev)]
    [InlineData(null, HostEnvironment.LocalDev)]
    public void App_env_chooses_the_environment_in_any_case(string? value, HostEnvironment expected) => Assert.Equal(expected, HostEnvironments.Parse(value));
}
