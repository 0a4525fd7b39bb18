using HostService.GrainInterfaces;

namespace HostService.Tests.Unit.Mandelbox;

public sealed class MandelboxStateTests
{
    // Rows: from; columns: to, in the order of the enum. x: may follow.
    private static readonly string[] Matrix =
    [
        //           Al Le Cr St Wa Co Ru Dy Go
        /* Allocated */ ". x . . x . x x .",
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
    public void Only_the_moves_of_the_matrix_are_allowed(MandelboxState from, MandelboxState to, bool allowed) =>
        Assert.Equal(allowed, from.CanBecome(to));

    [Theory]
    [InlineData(MandelboxState.Allocated, true, false, false)]
    [InlineData(MandelboxState.Leased, true, false, false)]
    [InlineData(MandelboxState.Created, true, true, false)]
    [InlineData(MandelboxState.Started, true, true, true)]
    [InlineData(MandelboxState.Waiting, true, true, true)]
    [InlineData(MandelboxState.Connecting, true, true, true)]
    [InlineData(MandelboxState.Running, true, true, true)]
    [InlineData(MandelboxState.Dying, false, false, false)]
    [InlineData(MandelboxState.Gone, false, false, false)]
    public void Predicates_say_what_a_state_allows(MandelboxState state, bool alive, bool container, bool running) =>
        Assert.Equal((alive, container, running), (state.IsAlive, state.HasContainer, state.HasRunningContainer));

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
    public void App_env_chooses_the_environment_in_any_case(string? value, HostEnvironment expected) =>
        Assert.Equal(expected, HostEnvironments.Parse(value));
}
