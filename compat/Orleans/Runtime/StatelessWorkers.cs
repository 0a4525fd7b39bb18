namespace Orleans.Runtime;

/// <summary>The activations of one id of a stateless worker class: an idle one takes the call, else a new one, else the least busy.</summary>
internal sealed class StatelessWorkers(SiloRuntime silo, GrainClass grainClass, GrainId grainId) : IRequestTarget
{
    private readonly List<Activation> _workers = [];

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
            _workers.Remove(worker);
        silo.Forget(worker);
    }
}
