namespace Orleans.Runtime;

/// <summary>The activations of one id of a stateless worker class: an idle one takes the call, else a new one, else the least busy.</summary>
#pragma warning disable CA1001 // Its timer is disposed with the last worker.
internal sealed class StatelessWorkers(SiloRuntime silo, GrainClass grainClass, GrainId grainId) : IRequestTarget
{
#pragma warning restore CA1001
    private readonly List<Activation> _workers = [];
    private WorkerDemand _demand = new(silo.Workers.MinIdleCyclesBeforeRemoval);
    private Timer? _inspection;

    public IReadOnlyList<Activation> Workers
    {
        get
        {
            lock (_workers)
                return [.. _workers];
        }
    }

    public bool TryReceive(RequestBase request)
    {
        lock (_workers)
        {
            while (true)
            {
                var worker = _workers.Find(w => w is { Load: 0, State: ActivationState.Active or ActivationState.Activating });
                if (worker is null && _workers.Count < grainClass.Workers)
                {
                    if (!silo.IsAccepting)
                    {
                        silo.Refuse(request);
                        return true;
                    }

                    _workers.Add(silo.Activate(grainClass, request, grainId, Remove));
                    Inspect();
                    return true;
                }

                worker ??= _workers.MinBy(w => w.Load)!;
                if (worker.TryReceive(request))
                    return true;
                _workers.Remove(worker);
            }
        }
    }

    private void Remove(Activation worker)
    {
        lock (_workers)
        {
            _workers.Remove(worker);
            if (_workers.Count > 0)
                return;
            _inspection?.Dispose();
            _inspection = null;
            _demand = new(silo.Workers.MinIdleCyclesBeforeRemoval);
        }
    }

    private void Inspect()
    {
        if (!grainClass.RemovesIdleWorkers || !silo.Workers.RemoveIdleWorkers || _inspection is not null)
            return;
        var period = silo.Workers.IdleWorkersInspectionPeriod;
        using (ExecutionContext.SuppressFlow())
            _inspection = new Timer(static workers => ((StatelessWorkers)workers!).RemoveOneIdle(), this, period, period);
    }

    private void RemoveOneIdle()
    {
        Activation? idle;
        lock (_workers)
        {
            var free = _workers.FindAll(w => w is { Load: 0, State: ActivationState.Active });
            if (_workers.Count == 0 || !_demand.Fell(_workers.Average(w => w.Waiting), free.Count))
                return;
            idle = free[Random.Shared.Next(free.Count)];
        }

        idle.Deactivate(new(DeactivationReasonCode.RuntimeRequested, "The load asks for fewer workers."));
    }
}

/// <summary>
/// Follows how many calls wait for a worker, as a controller does that is to keep them at none: its output stays below zero for a while after load
/// has passed, and as long as it does, workers that are idle are too many. The weights are the package's.
/// </summary>
internal sealed class WorkerDemand(int minIdleCycles)
{
    private const double Proportional = 0.433;
    private const double Integral = 0.468;
    private const double Derivative = 0.480;

    private double _last;
    private double _sum;
    private int _cycles;

    /// <summary>Whether one of the <paramref name="idle"/> workers may go.</summary>
    public bool Fell(double waiting, int idle)
    {
        var error = -waiting;
        var change = error - _last;
        _last = error;
        _sum += error;
        _cycles = (Proportional * error) + (Integral * _sum) + (Derivative * change) < 0 ? _cycles + 1 : 0;
        if (idle == 0 || _cycles < Math.Max(1, minIdleCycles))
            return false;
        _sum *= (idle - 1) / (double)idle;
        _cycles = 0;
        return true;
    }
}
